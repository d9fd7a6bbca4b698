"""Intervals of shares against scipy, against known limits, and for how often they cover the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from lab.evaluate.intervals import LEVEL, binomial_interval, share_interval, typical_weight

TRUTHS = (0.0, 0.02, 0.5, 0.98, 0.995, 1.0)
COUNTS = (6, 40, 100, 500)
TRIALS = 2_000
# as few covered in so many trials would be seen once in ten thousand times if 95 % were covered
ENOUGH = float(binom.ppf(1e-4, TRIALS, LEVEL)) / TRIALS


@pytest.mark.parametrize("n", [1, 6, 40, 500])
def test_the_interval_of_independent_trials_is_that_of_clopper_and_pearson(n):
    hits = np.arange(n + 1)
    theirs = np.array([binomtest(int(k), n).proportion_ci(LEVEL, method="exact") for k in hits])
    np.testing.assert_allclose(np.stack(binomial_interval(hits, n), axis=1), theirs, atol=1e-9)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_units_of_one_weight_that_are_right_or_wrong_are_independent_trials(right):
    ours = share_interval(np.array(right) / len(right), 1 / len(right))
    np.testing.assert_allclose(ours, binomial_interval(sum(right), len(right)), atol=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=60))
def test_an_interval_lies_round_its_share_within_0_and_1(units):
    share, weight = np.array(units).T
    low, high = share_interval(share * weight, weight)
    value = (share * weight).sum() / weight.sum()
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_misses_mirror_hits(totals):
    low, high = share_interval(np.array(totals))
    mirrored = share_interval(1 - np.array(totals))
    np.testing.assert_allclose((low, high), (1 - mirrored[1], 1 - mirrored[0]), atol=1e-6)


def test_all_right_stays_all_right_when_its_weights_are_rounded():
    weights = np.full(500, 1 / 210) * 210
    rounded = share_interval(weights * (1 - 2e-16), weights)
    np.testing.assert_allclose(rounded, share_interval(weights, weights), rtol=1e-9)


def test_nothing_asked_leaves_everything_open():
    assert binomial_interval(0, 0) == (0, 1)
    assert share_interval(np.zeros(0)) == (0, 1)
    assert share_interval(np.zeros(3), np.zeros(3)) == (0, 1)


def test_one_wrong_answer_more_never_makes_an_interval_much_narrower():
    # a bootstrap jumps here: no spread without a wrong answer, almost none with a single one in 210 x 500
    perfect = np.ones(500)
    nearly = perfect.copy()
    nearly[0] -= 1 / 210
    widths = [high - low for low, high in (share_interval(perfect), share_interval(nearly))]
    assert widths[0] == pytest.approx(widths[1], rel=0.01)


def test_a_unit_without_questions_changes_nothing():
    totals, weights = np.array([1.0, 0.0, 0.5]), np.array([1.0, 1.0, 1.0])
    ours = share_interval(np.append(totals, 0.0), np.append(weights, 0.0))
    np.testing.assert_array_equal(ours, share_interval(totals, weights))


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("truth", TRUTHS)
def test_independent_trials_are_covered_at_least_as_often_as_stated(n, truth):
    # summed over all outcomes, so there is no error of simulation
    hits = np.arange(n + 1)
    low, high = binomial_interval(hits, n)
    covered = (low <= truth) & (truth <= high)
    assert binom.pmf(hits, n, truth)[covered].sum() >= LEVEL - 1e-9


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("directions", [2, 6, 30])
# from meanings that are right or wrong in all directions alike to directions that have nothing in common
@pytest.mark.parametrize("independence", [0.1, 1.0, 10.0, 1_000.0])
def test_a_mean_over_directions_that_share_their_meanings_is_covered(n, directions, independence):
    rng = np.random.default_rng([n, directions, int(10 * independence)])
    for truth in TRUTHS:
        ease = np.full((TRIALS, n), truth)
        if 0 < truth < 1:
            ease = rng.beta(truth * independence, (1 - truth) * independence, (TRIALS, n))
        low, high = share_interval(rng.binomial(directions, ease), directions)
        assert ((low <= truth) & (truth <= high)).mean() >= ENOUGH


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_mean_over_directions_of_unequal_size_is_covered(truth):
    # one direction of six queries, one of forty, one of five hundred, each with a third of the mean
    rng = np.random.default_rng(0)
    sizes = (6, 40, 500)
    weights = np.concatenate([np.full(size, 1 / size) for size in sizes])
    low, high = share_interval((rng.random((TRIALS, len(weights))) < truth) * weights, weights)
    assert ((low <= truth) & (truth <= high)).mean() >= ENOUGH


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("independence", [0.1, 1_000.0])
def test_sentences_with_more_or_fewer_paraphrases_are_covered(n, independence):
    rng = np.random.default_rng([n, int(10 * independence)])
    for truth in TRUTHS:
        weights = rng.choice([1, 2, 5], p=[0.7, 0.2, 0.1], size=(TRIALS, n))
        ease = np.full((TRIALS, n), truth)
        if 0 < truth < 1:
            ease = rng.beta(truth * independence, (1 - truth) * independence, (TRIALS, n))
        low, high = share_interval(rng.binomial(weights, ease), weights, typical_weight(weights))
        assert ((low - 1e-12 <= truth) & (truth <= high + 1e-12)).mean() >= ENOUGH


def test_a_heavy_sentence_widens_an_interval_by_its_share_of_the_questions():
    # 26 sentences and one with three paraphrases, all missed: about as many independent ones as sum(w)^2 / sum(w^2)
    weights = np.array([1.0] * 26 + [3.0])
    high = float(share_interval(np.zeros(27), weights, typical_weight(weights))[1])
    kish = weights.sum() ** 2 / (weights**2).sum()
    assert float(binomial_interval(0, 27)[1]) < high < float(binomial_interval(0, kish - 1)[1])
