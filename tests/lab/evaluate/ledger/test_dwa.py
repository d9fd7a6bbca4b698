"""Denoising word alignment in the ledger: H(place) less the loss on held-out pairs, and what the row says."""

import numpy as np
import pytest
from scipy.stats import entropy

from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger import LEDGER
from lab.evaluate.ledger.dwa import PointedInformation, pointed_information
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.reading import Reading
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import tiny

PROTOCOL = StudyProtocol(candidates=8, sentences=40, truth_sentences=4, directions=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("runs")))
        settings = tiny(steps=6, model={"layers": 2}, dwa={"enabled": True, "examples": 8, "rate": 0.5})
        yield load_run(run_training(*start_run("r", settings, None)))


def test_the_row_is_the_entropy_of_places_less_the_loss_and_says_whose_places_they_are(loaded):
    (row,) = LEDGER["dwa"].rows(loaded, Effort((4,), 1, 60, 4))
    information = pointed_information(loaded, 60, 0)
    assert information.places.sum() == information.reading.counts.sum() == row["n"]
    assert row["nats"] == pytest.approx(entropy(information.places) - information.reading.mean)
    assert row["ceiling"] == pytest.approx(entropy(information.places))
    assert row["low"] <= row["nats"] <= row["high"]
    assert row["truth"] is None
    assert "the run's own alignment" in row["words"]
    assert set(information.reading.meanings) <= set(loaded.run.held_out()["meaning"])


def test_the_entropy_of_places_has_the_error_of_many_draws():
    shares, size = np.array([0.5, 0.3, 0.15, 0.05]), 400
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(size, shares, 4_000)
    entropies = entropy(drawn, axis=1)
    places = (shares * size).astype(int)
    reading = Reading(np.arange(2), np.ones(2), np.full(2, size // 2))
    # a standard deviation of 4,000 draws is known to 1.1 %, and the delta method is exact to 1 / 400
    assert PointedInformation(reading, places, 1, 1).entropy_error == pytest.approx(
        np.std(entropies), rel=0.05
    )


def test_units_give_the_row(loaded):
    bound, loss = LEDGER["dwa"].units(loaded, PROTOCOL)
    assert [table["metric"].iloc[0] for table in (bound, loss)] == ["dwa", "dwa_loss"]
    information = pointed_information(loaded, PROTOCOL.sentences, loaded.run.info.settings.seed)
    assert bound["total"].sum() / bound["weight"].sum() == pytest.approx(information.row()["nats"])


def test_a_run_without_the_task_has_no_row(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    plain = load_run(run_training(*start_run("r", tiny(steps=1), None)))
    assert LEDGER["dwa"].rows(plain, Effort((4,), 1, 60, 4)) == []
    assert list(LEDGER["dwa"].units(plain, PROTOCOL)) == []
