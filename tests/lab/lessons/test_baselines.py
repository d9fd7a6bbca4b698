"""Lessons 00 and 07: retrieval without a network, and what is said of it."""

import pandas as pd
import pytest

from lab.evaluate.baselines import BASELINES
from lab.evaluate.effort import Effort
from lab.lessons.baselines import LSA, RUN, baselines_in_words, without_network
from lab.lessons.scale import Lesson
from tests.lab.runs import tiny


def test_a_run_stands_beside_what_words_alone_retrieve():
    table = without_network(Lesson("smoke", tiny(), Effort((4, 16), 1, 50, 5)).trained("once"))
    assert table.index[0] == RUN
    assert table["chance"].nunique() == 1
    lsa, blind = (table.loc[BASELINES[name].label, "accuracy"] for name in ("lsa", "random"))
    assert lsa > 3 * blind
    assert table["seconds"].isna().tolist() == [True, False, False, False]


@pytest.mark.parametrize(("run", "words"), [(0.99, "A bag of words does as well"), (0.999, "beyond words")])
def test_what_follows_depends_on_whether_the_intervals_meet(run, words):
    rows = [
        {"method": RUN, "accuracy": run, "low": run - 0.0005, "high": 1.0, "chance": 0.002},
        {"method": LSA, "accuracy": 0.995, "low": 0.99, "high": 0.998, "chance": 0.002},
    ]
    (sentence,) = baselines_in_words(pd.DataFrame(rows).set_index("method"))
    assert words in sentence
    assert "99.5%" in sentence
