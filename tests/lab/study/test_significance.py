"""The test over seeds: its size at every level at which it is read, and how its p-values are told."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from lab.study.significance import holm, p_words, smallest_p, stars, two_level

TRIALS = 200_000
CORRECTED = (0.05, 0.01, 0.05 / 6, 0.001)
"""Levels at which p-values are read: bare, and as Holm's correction over six arms reads the smallest one."""


def null_trials(seeds: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of so many seeds around 0, [trials, seeds], `ratio` the seeds' variance over the sentences' of 1."""
    rng = np.random.default_rng([seeds, int(ratio)])
    values = math.sqrt(ratio) * rng.normal(size=(TRIALS, seeds)) + rng.normal(size=(TRIALS, seeds))
    return values, np.ones((TRIALS, seeds))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.0, 1.0, 20.0])
def test_a_null_difference_is_called_significant_at_most_as_often_as_each_corrected_level_says(seeds, ratio):
    *_, p = two_level(*null_trials(seeds, ratio))
    for level in CORRECTED:
        # four standard errors of a share of `level` in so many trials
        assert (p < level).mean() <= level + 4 * math.sqrt(level * (1 - level) / TRIALS)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.0, 1.0, 20.0])
def test_an_interval_over_seeds_holds_the_mean_in_95_of_100_studies_or_more(seeds, ratio):
    _, low, high, _ = two_level(*null_trials(seeds, ratio))
    assert ((low <= 0) & (high >= 0)).mean() >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / TRIALS)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_no_p_value_is_below_that_of_the_paired_t_test_over_seeds_and_most_are_equal_where_seeds_dominate(
    seeds,
):
    values, variances = null_trials(seeds, 1_000.0)
    *_, p = two_level(values, variances)
    exact = ttest_rel(values, np.zeros_like(values), axis=1).pvalue
    assert (p >= exact * (1 - 1e-9)).all()
    # the sentences' variance exceeds that of the seeds where chi2(S - 1) / (S - 1) < 1 / 1,001: with two seeds in 2.6 %
    assert np.isclose(p, exact).mean() > 0.97


def test_p_is_told_down_to_the_level_that_so_many_seeds_can_carry():
    for seeds, least in ((2, 0.05), (3, 0.01), (4, 0.001), (30, 0.001)):
        assert smallest_p(seeds) == least
        assert p_words(1e-9, seeds) == f"< {least:g}"
        assert float(p_words(least, seeds)) == least
    assert [stars(1e-9, seeds) for seeds in (2, 3, 4)] == ["*", "**", "***"]


def test_the_correction_of_holm_is_that_of_its_definition():
    p = np.array([0.02, 0.001, 0.3, 0.012])
    slow = []
    for i, p_value in enumerate(p):
        steps = sorted((q, j) for j, q in enumerate(p))
        before = [
            min(1.0, q * (len(p) - rank)) for rank, (q, j) in enumerate(steps) if (q, j) <= (p_value, i)
        ]
        slow.append(max(before))
    assert holm(p) == pytest.approx(slow)
