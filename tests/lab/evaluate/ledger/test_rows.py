"""The rows of the ledger: their keys, their words, and what they claim."""

import json
import math
from dataclasses import replace

import pytest

from core.text.corpus import write_corpus
from lab.evaluate.information import information_of_run
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.ledger.tlm import added_in_words
from lab.evaluate.ledger.xlco import cosine_ceiling
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.world import World
from tests.lab.evaluate.ledger.rows import EFFORT, rows_of
from tests.lab.runs import trained_run

KEYS = {
    *("task", "layer", "source", "target", "method", "nats", "low", "high", "kind", "ceiling", "truth", "n"),
    *("candidates", "share", "words", "at_least", "attainable", "attainable_error", "unit", "language_nats"),
    *(
        "share_of_attainable",
        "share_of_ceiling",
        "share_beyond_language",
        "nats_per_sentence",
        "units_per_sentence",
    ),
}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")


def test_every_row_has_the_keys_of_the_contract(document):
    assert {row["task"] for row in document["rows"]} == {"mmlm", "tlm", "tlm - mmlm", MMLM_OWN, "xlco"}
    assert all(set(row) >= KEYS for row in document["rows"])
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_no_bound_exceeds_its_ceiling_or_what_its_scores_can_show(document):
    for row in document["rows"]:
        assert row["low"] <= row["nats"] <= row["high"]
        if row["kind"] == "lower bound":
            assert row["nats"] <= row["high"] <= row["ceiling"]
            assert row["low"] < row["at_least"] < row["nats"]
        if row["effective_ceiling"] is not None:
            assert row["nats"] <= row["effective_ceiling"] + 1e-6 <= row["ceiling"] + 2e-6


def test_at_least_is_said_of_the_confidence_limit_and_never_of_the_value_measured():
    row = ledger_row(
        "xlco", 4.1, 4.0, 4.2, math.log(128), at_least=4.02, candidates=128, truth=13.9, truth_error=0.0,
        attainable=4.8, attainable_error=0.01, unit="nats per sentence pair",
    )  # fmt: skip
    assert row["words"] == (
        "at least 4.02 nats per sentence pair (95 % confidence); bound 4.10 [4.00, 4.20]; cannot show more than 4.85 "
        "with 128 candidates, the ideal critic 4.80 ± 0.01 (standard error); the truth is 13.90"
    )
    nothing = ledger_row("mmlm", 0.1, -0.2, 0.3, 5.0, at_least=-0.1)
    assert "at least" not in nothing["words"]
    assert "shows nothing with 95 % confidence: the bound is 0.10 [-0.20, 0.30]" in nothing["words"]
    assert "the truth is not known" in nothing["words"]


def test_what_the_translation_adds_is_named_an_estimate_that_may_exceed_the_truth():
    row = ledger_row(ADDED, 0.5, 0.4, 0.6, None, kind="estimate", truth=0.4, truth_error=0.02)
    row["words"] = added_in_words(row)
    assert "at least" not in row["words"]
    assert "an estimate of I(translation; token | context), which may exceed the truth" in row["words"]
    assert "the truth is 0.40 ± 0.02 (standard error)" in row["words"]


def test_scores_that_a_temperature_caps_say_so():
    row = ledger_row(
        "xlco", 1.5, 1.4, 1.6, math.log(4096), candidates=4096, temperature=1.0,
        effective_ceiling=cosine_ceiling(4096, 1.0),
    )  # fmt: skip
    assert "its cosines at temperature 1 not more than 2.00" in row["words"]


def test_shares_are_those_of_the_truth_of_what_is_attainable_and_of_the_ceiling():
    row = ledger_row("xlco", 2.0, 1.9, 2.1, 4.0, truth=8.0, candidates=55, attainable=2.5)
    assert (row["share"], row["share_of_attainable"], row["share_of_ceiling"]) == (0.25, 0.8, 0.5)
    masked = ledger_row("mmlm", 6.05, 6.0, 6.1, 7.25, truth=6.46, language_nats=2.36, units_per_sentence=1.5)
    assert masked["share_beyond_language"] == pytest.approx((6.05 - 2.36) / (6.46 - 2.36))
    assert masked["nats_per_sentence"] == pytest.approx(1.5 * 6.05)
    without_truth = ledger_row("xlco", 2.0, 1.9, 2.1, 4.0, candidates=55)
    assert (
        without_truth["share"],
        without_truth["share_of_attainable"],
        without_truth["share_of_ceiling"],
    ) == (None, None, 0.5)


def test_each_row_names_its_unit_and_how_many_a_sentence_has(document, loaded):
    assert {row["task"]: row["unit"] for row in document["rows"]} == {
        **dict.fromkeys(("mmlm", "tlm", ADDED, MMLM_OWN), "nats per masked token"), "xlco": "nats per sentence pair",
    }  # fmt: skip
    for task, sides in (("tlm", 2), ("mmlm", 2), (MMLM_OWN, 1)):
        row = rows_of(document, task)[0]
        assert row["units_per_sentence"] == row["n"] / (sides * EFFORT.sentences)
    assert rows_of(document, "xlco")[0]["nats_per_sentence"] == rows_of(document, "xlco")[0]["nats"]


def test_the_rows_are_kept_as_document_and_as_scores(loaded, document):
    assert loaded.run.document("information") == document
    scores = loaded.run.scores()
    scores = scores[scores["task"] == "information"]
    assert len(scores) == len(document["rows"])
    assert set(scores["unit"]) == {"nats per masked token", "nats per sentence pair"}


def test_text_that_no_world_wrote_has_bounds_but_no_truth(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))
    world = World.load(("ar", "en"))
    corpus = tmp_path / "corpus"
    write_corpus(world.rows(world.draw(300, 5), 5), corpus, source="a test", licence="none")
    run = trained_run("real", corpus, steps=2, measure={"checkpoint_every": 2})
    rows = information_of_run(run, replace(EFFORT, candidates=(4, 16, 4096)))["rows"]
    assert all(
        row[key] is None for row in rows for key in ("truth", "share", "attainable", "share_of_attainable")
    )
    assert all(row["share_of_ceiling"] is not None for row in rows if row["ceiling"])
    assert all(row["language_nats"] > 0 for row in rows if row["task"] in ("mmlm", "tlm"))
    assert all("the truth is not known" in row["words"] for row in rows)
    assert {row["candidates"] for row in rows} == {None, 4, 16}
