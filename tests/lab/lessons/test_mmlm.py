"""Lesson 02: which part of a context's information is its language, and what a difference of two runs says."""

import math

import pandas as pd
import pytest

from lab.evaluate.effort import Effort
from lab.evaluate.ledger.ideal_reader import readers_of
from lab.figures.tasks import MMLM_OWN
from lab.lessons import check
from lab.lessons.mmlm import conclusion, own_row, parts, vocabulary_for_entropy
from lab.lessons.scale import Lesson
from tests.lab.runs import tiny


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield readers_of(Lesson("smoke", tiny(), Effort((4, 16), 1, 50, 5)).trained("once"))


def test_the_parts_of_the_entropy_of_a_token_add_up():
    table = parts({"nats": 4.0, "truth": 5.0, "ceiling": 6.0, "language_nats": 2.5})
    assert table["nats"].tolist() == [2.5, 1.5, 1.0, 1.0]
    assert table["share"].sum() == pytest.approx(1.0)


def test_the_gap_of_a_vocabulary_that_is_taken_for_a_sample_is_told_with_its_mistakes(readers):
    size = readers.loaded.tokenizer.size
    row = {"task": MMLM_OWN, "nats": 4.0, "truth": 5.0, "ceiling": 6.0}
    gap = math.log(size) - 6.0
    assert check(gap, vocabulary_for_entropy(row, readers)).passed
    assert "no bound" in check(gap, vocabulary_for_entropy(row, readers))
    assert "by how much" in check(gap + 5.0, vocabulary_for_entropy(row, readers))
    assert "itself" in check(math.log(size), vocabulary_for_entropy(row, readers))
    assert check(..., vocabulary_for_entropy(row, readers)).startswith("not yet")
    assert check("many", vocabulary_for_entropy(row, readers)).startswith("wrong")


@pytest.mark.parametrize(
    ("relation", "verdict"), [(0.6, "**higher**"), (0.42, "**not told apart**"), (0.2, "**lower**")]
)
def test_one_run_of_each_is_told_apart_only_beyond_the_interval_of_their_difference(relation, verdict):
    def anchored_row(tokens: str, when: str, share: float) -> dict:
        return {"tokens": tokens, "when": when, "same_meaning": 0.01, "low": 0.0, "high": 0.02,
                "same_relation": share, "relation_low": share - 0.05, "relation_high": share + 0.05}  # fmt: skip

    anchored = [
        *(anchored_row(tokens, "before training", 0.1) for tokens in ("shared", "disguised")),
        anchored_row("shared", "after", relation),
        anchored_row("disguised", "after", 0.4),
        {"tokens": "guessing", "when": "", "same_meaning": 0.01, "same_relation": 0.1},
    ]
    row = {"task": "mmlm", "candidates": None, "words": "a bound", "share": 0.9, "share_beyond_language": 0.8}
    said = conclusion([row], pd.DataFrame({"share": []}), pd.DataFrame(anchored))
    assert own_row([row]) == row
    assert verdict in said[-1]
