"""Counting labels: against slow oracles, and never above the entropy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from core.errors import InputError
from core.information import estimate
from core.information.estimators.ceiling import entropy_of
from core.information.estimators.discrete import (
    chao_shen_entropy,
    grassberger_entropy,
    log_evidence,
    plug_in_entropy,
    posterior_information,
    shrunk_information,
    table_of,
)
from core.information.truth.labels import blocks, corrected, digits, independent

X, Y = np.array([0, 0, 1, 2, 2, 2, 1, 0, 0, 2]), np.array([0, 1, 1, 0, 0, 1, 1, 0, 0, 0])


def test_the_posterior_mean_agrees_with_tables_drawn_from_the_posterior() -> None:
    counts = np.zeros((3, 2))
    np.add.at(counts, (X, Y), 1)
    prior = 4.0 * np.outer(counts.sum(1), counts.sum(0)) / 100
    drawn = np.random.default_rng(0).dirichlet((counts + prior).ravel(), 40_000).reshape(-1, 3, 2)
    margins = drawn.sum(2, keepdims=True) * drawn.sum(1, keepdims=True)
    each = special.rel_entr(drawn, margins).sum((1, 2))
    exact = posterior_information(table_of(X, Y), 4.0)
    assert exact == pytest.approx(each.mean(), abs=4 * each.std() / 200)


def test_the_evidence_is_that_of_polyas_urn() -> None:
    strength, seen = 3.0, np.zeros((3, 2))
    prior = strength * np.outer(np.bincount(X), np.bincount(Y)) / 100
    total = 0.0
    for step, (row, column) in enumerate(zip(X, Y, strict=True)):
        total += math.log((prior[row, column] + seen[row, column]) / (strength + step))
        seen[row, column] += 1
    assert log_evidence(table_of(X, Y), strength) == pytest.approx(total, rel=1e-12)


def test_a_strong_prior_is_independence_and_a_weak_one_the_counted_table() -> None:
    table = table_of(X, Y)
    assert posterior_information(table, 1e9) == pytest.approx(0, abs=1e-6)
    many = table_of(np.repeat(X, 5000), np.repeat(Y, 5000))
    counts = np.zeros((3, 2))
    np.add.at(counts, (X, Y), 0.1)
    plain = special.rel_entr(counts, counts.sum(1, keepdims=True) * counts.sum(0)).sum()
    assert posterior_information(many, 1e-6) == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("entropy", [grassberger_entropy, chao_shen_entropy])
def test_a_corrected_entropy_is_hardly_biased_at_three_samples_a_kind(entropy) -> None:
    shares = np.arange(1, 41) / np.arange(1, 41).sum()
    drawn = [np.random.default_rng(seed).multinomial(120, shares) for seed in range(200)]
    truth = stats.entropy(shares)
    reads = [entropy(counts) for counts in drawn]
    plain = [plug_in_entropy(counts) for counts in drawn]
    assert abs(np.mean(reads) - truth) < 0.04 < truth - np.mean(plain)


def test_the_upper_end_of_an_entropy_holds_it() -> None:
    trials = [entropy_of(np.random.default_rng(seed).geometric(0.1, 200) - 1) for seed in range(60)]
    truth = float(stats.geom(0.1).entropy())
    # an end of 97.5 % falls below this in one of a hundred sets of 60
    assert sum(entropy.high >= truth for entropy in trials) >= stats.binom.ppf(0.01, 60, 0.975)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=20, max_size=120),
    st.sampled_from(["auto", "discrete", "ksg", "mixed", "student"]),
)
@settings(max_examples=40, deadline=None)
def test_no_method_reads_more_than_the_entropy_of_a_label(pairs: list[tuple[int, int]], method: str) -> None:
    x, y = np.array(pairs).T
    try:
        reading = estimate(x, y, method=method)
    except InputError:
        # some methods refuse labels, which is fine too
        return
    sides = [entropy_of(np.unique(side, return_inverse=True)[1]) for side in (x, y)]
    assert reading.nats <= min(side.nats for side in sides) + 1e-12
    assert reading.high <= max(min(side.high for side in sides), reading.nats) + 1e-12
    assert reading.low <= reading.nats <= reading.high


@pytest.mark.parametrize("n", [300, 2000])
def test_independent_labels_of_many_kinds_read_nothing(n: int) -> None:
    reading = estimate(*independent(60).sample(n, seed=102))
    assert reading.low <= 0 <= reading.high
    # the plug-in value is 2.3 and 0.9 nats
    assert reading.nats < 0.06


def test_a_sum_of_digits_reads_its_entropy_and_no_more() -> None:
    x, y = digits(2).sample(2000, seed=103)
    shares = np.bincount(y[:, 0].astype(int)) / 2000
    reading = estimate(x, y)
    assert reading.nats == pytest.approx(stats.entropy(shares), abs=1e-9)
    assert reading.low < digits(2).nats < reading.high < reading.nats + 0.06
    assert reading.ceiling == pytest.approx(reading.high)
    assert "function of the other" in reading.reason


def test_a_method_that_reads_above_the_entropy_says_what_it_read() -> None:
    label = np.arange(1000) % 2
    # a correlation of 0.96 would be 1.27 nats between normal numbers, nearly twice the entropy of a coin
    reading = estimate(label, np.where(np.arange(1000) < 20, 1 - label, label), method="gaussian")
    assert reading.nats == pytest.approx(math.log(2), abs=1e-6)
    assert "the method read 1.27 nats, but the entropy of x is 0.69: reported is that" in reading.warnings


def test_rare_pairs_of_labels_are_warned_of_and_widen_the_interval() -> None:
    few, many = (estimate(*corrected(60, 0.5).sample(n, seed=1)) for n in (300, 20_000))
    assert any("can hardly be told from chance" in note for note in few.warnings)
    assert not any("chance" in note for note in many.warnings)
    assert few.high - few.low > 5 * (many.high - many.low)
    assert many.nats == pytest.approx(corrected(60, 0.5).nats, abs=0.05)


def test_shrinking_beats_counting_where_most_cells_are_empty() -> None:
    for known in (independent(60), blocks(60, 6), corrected(60, 0.5)):
        x, y = (side[:, 0].astype(int) for side in known.sample(300, seed=0))
        counted = plug_in_entropy(np.bincount(x)) + plug_in_entropy(np.bincount(y))
        counted -= plug_in_entropy(np.unique(x * 60 + y, return_counts=True)[1])
        assert abs(shrunk_information(table_of(x, y)) - known.nats) < abs(counted - known.nats)


def test_counting_refuses_numbers() -> None:
    with pytest.raises(InputError, match="counting needs labels on both sides"):
        estimate(np.random.default_rng(0).standard_normal(100), np.arange(100) % 3, method="discrete")
