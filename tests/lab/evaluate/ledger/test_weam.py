"""Word exchange in the ledger: held-out pairs, what they are read as, and a row that says what it bounds."""

import numpy as np
import pytest

from core.objectives import tasks_of
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger import LEDGER
from lab.evaluate.ledger.held_out_pairs import held_out_pairs
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.weam import exchange_information, exchange_reading
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import tiny

EFFORT = Effort((4,), 1, 60, 4)
PROTOCOL = StudyProtocol(candidates=8, sentences=40, truth_sentences=4, directions=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("runs")))
        settings = tiny(steps=6, weam={"enabled": True, "examples": 8, "rate": 0.5})
        yield load_run(run_training(*start_run("r", settings, None)))


def test_the_pairs_are_held_out_translations_drawn_as_training_draws_them(loaded):
    rows = held_out_pairs(loaded, 3_000, np.random.default_rng(0))
    meanings = loaded.corpus.meaning[rows]
    assert (meanings[:, 0] == meanings[:, 1]).all()
    assert set(meanings.ravel()) <= set(loaded.run.held_out()["meaning"])
    languages = loaded.corpus.language[rows]
    assert (languages[:, 0] != languages[:, 1]).all()
    tags = np.array(loaded.corpus.languages)
    for (source, target), share in loaded.pairs.items():
        drawn = np.mean((tags[languages[:, 0]] == source) & (tags[languages[:, 1]] == target))
        # four standard errors of a share of 3,000
        assert drawn == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 3_000))


def test_the_row_is_the_entropy_of_linked_tokens_less_their_loss_and_says_what_it_bounds(loaded):
    (row,) = LEDGER["weam"].rows(loaded, EFFORT)
    task = tasks_of(loaded.model)["weam"]
    rng = np.random.default_rng([0, 10])
    rows = held_out_pairs(loaded, 60, rng)
    reading = exchange_reading(loaded, task, rows, rng)
    entropy = task.target_entropy(loaded.corpus, loaded.sampler, loaded.tokenizer.size)
    assert row["nats"] == pytest.approx(entropy - reading.sums.sum() / reading.counts.sum())
    assert row["ceiling"] == pytest.approx(entropy)
    assert row["low"] <= row["nats"] <= row["high"] <= row["ceiling"]
    assert row["n"] == reading.counts.sum()
    assert row["truth"] is None
    assert "may exceed that of TLM" in row["words"]
    assert "a reconstruction" in row["words"]


def test_the_reading_is_that_of_the_task_pair_by_pair(loaded):
    task, rows = tasks_of(loaded.model)["weam"], held_out_pairs(loaded, 5, np.random.default_rng(1))
    reading = exchange_reading(loaded, task, rows, np.random.default_rng(2))
    assert reading.counts.sum() > 0
    assert set(reading.meanings) == set(loaded.corpus.meaning[rows[:, 0]])
    again = exchange_reading(loaded, task, rows, np.random.default_rng(2))
    assert again.sums.tolist() == reading.sums.tolist()


def test_units_give_the_row(loaded):
    bound, loss = LEDGER["weam"].units(loaded, PROTOCOL)
    assert [table["metric"].iloc[0] for table in (bound, loss)] == ["weam", "weam_loss"]
    information = exchange_information(loaded, PROTOCOL.sentences, loaded.run.info.settings.seed)
    assert bound["total"].sum() / bound["weight"].sum() == pytest.approx(information.row()["nats"])


def test_a_run_without_the_task_has_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    plain = load_run(run_training(*start_run("r", tiny(steps=1), None)))
    assert LEDGER["weam"].rows(plain, EFFORT) == []
    assert list(LEDGER["weam"].units(plain, PROTOCOL)) == []
