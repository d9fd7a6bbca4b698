"""A task of one's own needs no line of the lab: settings, batch and loss stand here, and the lab trains on it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import cross_entropy

from core import objectives
from core.checkpoint import load, save
from core.config import Settings, TaskSettings
from core.model.encoder import hidden_states, pack, pool
from core.objectives import Outcome, Task
from core.text.batches import Sequences
from core.text.sampling import Sentences
from core.train import train
from lab import store
from lab.starting import start_run
from lab.text import world_corpus
from lab.training import prepare, run_training
from tests.lab.runs import tiny


class WordOrderSettings(TaskSettings):
    """Telling a sentence from its reversal."""

    layer: int = Field(default=1, description="hidden state that is read")


class WithWordOrder(Settings):
    word_order: WordOrderSettings = WordOrderSettings(enabled=True, examples=8)


@dataclass(frozen=True)
class OrderBatch:
    sequences: Sequences
    reversed: torch.Tensor

    @property
    def count(self) -> int:
        return len(self.reversed)

    @property
    def tokens(self) -> int:
        return len(self.sequences.ids)

    def to(self, device):
        return OrderBatch(self.sequences.to(device), self.reversed.to(device))


class WordOrder(Task[OrderBatch]):
    """Lower bound in nats on I(sentence as shown; whether it is reversed) = log 2 - H(reversed | sentence)."""

    key, section, stream, reads = "order", "word_order", 1000, Sentences()

    def __init__(self, settings, language_model) -> None:
        super().__init__(settings, language_model)
        self.layer = settings.word_order.layer
        self.head = nn.Linear(language_model.config.hidden_size, 2)

    def batches(self, rows, reader, rng):
        coins = torch.from_numpy(rng.random(len(rows)) < 0.5)
        batches = []
        for shard, sequences in zip(reader.local, reader.plain(rows), strict=True):
            coin = coins[shard :: reader.num_shards]
            parts = sequences.ids.split(sequences.lengths.tolist())
            shown = [part.flip(0) if flip else part for part, flip in zip(parts, coin, strict=True)]
            batches.append(OrderBatch(Sequences(torch.cat(shown), sequences.lengths), coin.long()))
        return batches

    def outcome(self, model, batch, shard):
        packing = pack(batch.sequences.lengths, batch.sequences.ids.device)
        *_, state = hidden_states(model.encoder, batch.sequences, packing, self.layer)
        logits = self.head(pool(state, packing, "mean"))
        loss = cross_entropy(logits, batch.reversed, reduction="sum")
        return Outcome(loss, batch.count, batch.count * float(np.log(2)))


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    monkeypatch.setitem(objectives.TASKS, "word_order", WordOrder)
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))


def settings(**changes) -> WithWordOrder:
    return WithWordOrder.model_validate(
        {**tiny(**changes).model_dump(), "word_order": {"enabled": True, "examples": 8}}
    )


def test_it_trains_in_a_run_beside_the_others_and_its_settings_are_read_back():
    run = run_training(*start_run("r", settings(), None))
    steps = run.steps()
    for column in ("losses.order", "bounds.order", "ceilings.order"):
        assert np.isfinite(steps.loc[steps["step"] > 0, column]).all()
    np.testing.assert_allclose(steps.loc[steps["step"] > 0, "ceilings.order"], np.log(2))
    assert store.open_run("r").info.settings == settings()
    assert (run.checkpoint() / "word_order.safetensors").is_file()


def test_its_presence_moves_no_number_of_the_first_step_of_the_others():
    corpus = world_corpus(tiny().world, tiny().seed)
    alone, beside = (
        next(train(prepare(each, corpus, lambda report: None)[0])) for each in (tiny(), settings())
    )
    assert {key: beside.losses[key] for key in alone.losses} == alone.losses
    assert beside.losses.keys() - alone.losses.keys() == {"order"}


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(tmp_path):
    chosen = settings(steps=4)
    corpus = world_corpus(chosen.world, chosen.seed)
    whole = [step.losses for step in train(prepare(chosen, corpus, lambda report: None)[0])]
    training, tokenizer = prepare(chosen, corpus, lambda report: None)
    for step in train(training):
        if step.step == 2:
            save(training, tokenizer, tmp_path, 0.0)
            break
    again, _ = prepare(chosen, corpus, lambda report: None, tmp_path)
    load(again, tmp_path)
    assert [step.losses for step in train(again)] == whole[2:]
    head = dict(again.model.trained())["word_order.head.weight"]
    assert again.optimizer.state[head]["step"] == 4


def test_the_documentation_shows_this_task():
    page = (Path(__file__).parents[2] / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    source = Path(__file__).read_text(encoding="utf-8")
    begin, end = source.index("class WordOrderSettings"), source.index("@pytest.fixture")
    assert source[begin:end].strip() in page
