"""A task of one's own needs no line of the lab: it trains, resumes, is measured and drawn from what stands below."""

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import cross_entropy

from core import objectives
from core.checkpoint import load, save
from core.config import Settings
from core.model.encoder import hidden_states, pack, pool
from core.objectives import Outcome, Task, tasks_of
from core.progress import no_progress
from core.task_settings import TaskSettings
from core.text.batches import Sequences, unmasked
from core.text.sampling import Sentences
from core.train import train
from lab import store
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.information import information_of_run
from lab.evaluate.ledger import LEDGER, LedgerTask
from lab.evaluate.ledger.limits import loss_limits
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.units import units
from lab.figures import curves
from lab.figures.ledger import ledger
from lab.figures.metrics import Metric
from lab.figures.tasks import GREY, STYLES, TaskStyle, recorded
from lab.starting import start_run
from lab.study.measures import measure
from lab.study.metrics import metric, ordered
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


class WordOrderLedger(LedgerTask):
    """The bound of `WordOrder` on held-out sentences, each read as it is and reversed."""

    key = "order"

    def rows(self, loaded, effort):
        if "word_order" not in loaded.model.tasks:
            return []
        losses, _ = self.losses(loaded)
        limits = loss_limits(losses.mean(), losses.var() / len(losses), losses.max() / len(losses))
        low, high = (math.log(2) - float(end) for end in (limits.high, limits.low))
        return [
            ledger_row(
                self.key, math.log(2) - losses.mean(), low, high, math.log(2), limit="= log 2",
                at_least=math.log(2) - float(limits.most), method="log 2 - cross-entropy", n=len(losses),
                unit="nats per sentence", units_per_sentence=1.0,
            )
        ]  # fmt: skip

    def units(self, loaded, protocol):
        if "word_order" in loaded.model.tasks:
            losses, meanings = self.losses(loaded)
            ones = np.ones(len(losses))
            yield units(self.key, meanings, math.log(2) - losses, ones, ceiling=math.log(2))
            yield units("order_loss", meanings, losses, ones)

    @torch.no_grad()
    def losses(self, loaded):
        """Mean loss of each held-out sentence and its reversal in nats, and its meaning."""
        task, table = tasks_of(loaded.model)["order"], loaded.run.held_out()
        losses = []
        for ids in loaded.tokenizer.encode(table["text"].tolist(), 64):
            both = unmasked([ids], 64).ids
            batch = OrderBatch(
                Sequences(torch.cat([both, both.flip(0)]), torch.tensor([len(both)] * 2)),
                torch.tensor([0, 1]),
            )
            losses.append(float(task.outcome(loaded.model, batch, None).loss_sum) / 2)
        return np.array(losses), table["meaning"].to_numpy()


STYLE = TaskStyle(
    "order",
    "word_order",
    "Order",
    "#b0413e",
    "longdashdot",
    "I(sentence; order)",
    "log 2",
    "nats per sentence",
    metrics=(
        Metric("order", "word order: I(sentence; whether it is reversed)", "nats", bound=True),
        Metric("order_loss", "held-out loss of word order", "nats", "lower"),
    ),
)


PROTOCOL = StudyProtocol(candidates=8, sentences=40, truth_sentences=4, directions=1)


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    monkeypatch.setitem(objectives.TASKS, "word_order", WordOrder)
    monkeypatch.setitem(LEDGER, "order", WordOrderLedger())
    monkeypatch.setitem(STYLES, "order", STYLE)
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
    run_settings = settings(steps=4)
    corpus = world_corpus(run_settings.world, run_settings.seed)
    whole = [step.losses for step in train(prepare(run_settings, corpus, lambda report: None)[0])]
    training, tokenizer = prepare(run_settings, corpus, lambda report: None)
    for step in train(training):
        if step.step == 2:
            save(training, tokenizer, tmp_path, 0.0)
            break
    again, _ = prepare(run_settings, corpus, lambda report: None, tmp_path)
    load(again, tmp_path)
    assert [step.losses for step in train(again)] == whole[2:]
    head = dict(again.model.trained())["word_order.head.weight"]
    assert again.optimizer.state[head]["step"] == 4


def test_it_is_measured_and_drawn_beside_the_others():
    run = run_training(*start_run("r", settings(), None))
    rows = information_of_run(run, Effort((4,), 1, 40, 4))["rows"]
    (row,) = [row for row in rows if row["task"] == "order"]
    assert row["low"] <= row["nats"] <= row["high"] <= row["ceiling"] == math.log(2)
    assert "cannot show more than 0.69 = log 2" in row["words"]
    shares = run.scores().query("metric == 'order log 2 - cross-entropy'")
    assert shares["value"].tolist() == [row["nats"]]
    for figure in (ledger(rows), curves.bounds(run.steps()), curves.losses(run.steps())):
        names = json.dumps(figure.to_plotly_json(), default=str)
        assert "Order" in names
        assert STYLE.colour in names or "rgba(176,65,62" in names
    loaded = load_run(run)
    for key in LEDGER:
        tables = list(LEDGER[key].units(loaded, PROTOCOL))
        assert {table["metric"].iloc[0] for table in tables} <= {each.key for each in STYLES[key].metrics}
    added = pd.concat(LEDGER["order"].units(loaded, None))
    bound = added[added["metric"] == "order"]
    assert bound["total"].sum() / bound["weight"].sum() == pytest.approx(row["nats"])
    assert metric("order").bound


def test_a_study_measures_it_and_puts_it_among_its_metrics():
    run = run_training(*start_run("r", settings(), None))
    measured = set(measure(run, settings(), PROTOCOL, no_progress)["metric"])
    assert {"order", "order_loss"} <= measured
    assert ordered({"xlco", "order", "mmlm_loss", "order_loss"}) == [
        "xlco",
        "order",
        "mmlm_loss",
        "order_loss",
    ]


def test_a_task_without_a_style_is_drawn_in_grey_under_its_key(monkeypatch):
    monkeypatch.delitem(STYLES, "order")
    steps = pd.DataFrame({"step": [1, 2], "bounds.order": [0.1, 0.2], "ceilings.order": [0.69, 0.69]})
    assert [(style.name, style.colour) for style in recorded(steps.columns)] == [("order", GREY)]
    assert "order" in json.dumps(curves.bounds(steps).to_plotly_json(), default=str)


def test_the_documentation_shows_this_task():
    page = (Path(__file__).parents[2] / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    source = Path(__file__).read_text(encoding="utf-8")
    places = [
        source.index(line) for line in ("class WordOrderSettings", "class WordOrderLedger", "PROTOCOL =")
    ]
    for begin, end in pairwise(places):
        assert source[begin:end].strip() in page
