"""What needs no network, as a table and in words."""

import pytest

from lab.study.baseline_table import baseline_table, baselines_in_words
from lab.study.statistics import compared
from tests.app.studies import ARMS, baselines, units


@pytest.fixture(scope="module")
def arms():
    """Two arms find 70 %, one 10 %."""
    return compared(units(), "mmlm", ARMS)


def test_arms_of_one_text_have_equal_rows_and_values_are_the_shares_found():
    table = baseline_table(baselines({"lsa": 0.9, "tokens": 0.1}))
    assert table.groupby("baseline").size().to_dict() == {"lsa": 3, "tokens": 3}
    assert table.groupby("baseline")[["value", "low", "high"]].nunique().eq(1).all(axis=None)
    assert table.groupby("baseline")["value"].first().to_dict() == pytest.approx({"lsa": 0.9, "tokens": 0.1})
    assert (table["low"] < table["value"]).all()
    assert (table["seeds"] == 3).all()
    assert (table["n"] == 60).all()


@pytest.mark.parametrize(
    ("best", "words"),
    [(0.9, "No arm is above"), (0.2, "2 of 3 arms are above"), (0.02, "2 of 3 arms are above")],
)
def test_the_words_count_the_arms_whose_intervals_lie_above_the_best_baseline(arms, best, words):
    (sentence,) = baselines_in_words(baseline_table(baselines({"lsa": best, "tokens": 0.01})), arms)
    assert words in sentence
    assert "guessing 0.02" in sentence


def test_arms_that_read_unlike_texts_show_the_lowest_and_the_highest_and_are_judged_by_their_own(arms):
    beside = baselines({"lsa": 0.9})
    clean = beside["arm"] != "xlco"
    beside.loc[~clean, "total"] = 0.0
    (sentence,) = baselines_in_words(baseline_table(beside), arms)
    assert "lsa in full 0.000 [0.000, " in sentence
    assert " to 0.900 [" in sentence
    assert "One arm is above" in sentence


def test_without_any_there_is_nothing_to_say(arms):
    none = baseline_table(baselines({"lsa": 0.9}).iloc[:0])
    assert none.empty
    assert baselines_in_words(none, arms) == []
