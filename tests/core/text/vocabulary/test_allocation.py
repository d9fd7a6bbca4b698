"""VoCap's allocation: against a slow transcription, and the laws that it obeys."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.text.vocabulary.allocation import (
    equal_sizes,
    language_weights,
    objective,
    threshold_sizes,
    vocap_sizes,
)
from core.text.vocabulary.curves import Curve, concave

STEP = 10


def curve(language, alp, vocabularies, sizes=None):
    arrays = tuple(np.array(sorted(each), dtype=np.uint64) for each in vocabularies)
    return Curve(
        language, tuple(sizes or (len(each) for each in vocabularies)), tuple(map(float, alp)), arrays
    )


def strictly_concave(seed):
    """Some languages with nested vocabularies that share pieces, weights, and room for a part of them."""
    rng = np.random.default_rng(seed)
    curves = []
    for number in range(int(rng.integers(2, 6))):
        points = int(rng.integers(2, 8))
        gains = np.sort(rng.uniform(0.01, 5, points - 1))[::-1]
        alp = -rng.uniform(50, 400) + np.concatenate([[0], np.cumsum(gains)])
        pieces = rng.permutation(200)[: points * STEP]
        curves.append(
            curve(f"l{number}", alp, [pieces[: STEP * (place + 1)].tolist() for place in range(points)])
        )
    counts = {
        each.language: int(count)
        for each, count in zip(curves, rng.integers(1, 1000, len(curves)), strict=True)
    }
    smallest = len(set().union(*(each.vocabularies[0].tolist() for each in curves)))
    largest = len(set().union(*(each.vocabularies[-1].tolist() for each in curves)))
    return curves, counts, int(rng.integers(smallest, largest + 1))


def slow_greedy(curves, weights, room):
    """The published procedure step by step, with sets: everybody at the minimum, then the best gain of STEP pieces."""
    place = {each.language: 0 for each in curves}
    while True:
        gains = {}
        for each in curves:
            at = place[each.language]
            if at + 1 < len(each.sizes):
                gains[each.language] = weights[each.language] * (each.alp[at + 1] - each.alp[at])
        if not gains:
            break
        best = max(gains, key=gains.get)
        tried = {**place, best: place[best] + 1}
        union = set()
        for each in curves:
            union |= set(each.vocabularies[tried[each.language]].tolist())
        if len(union) > room:
            break
        place = tried
    return {each.language: each.sizes[place[each.language]] for each in curves}


@given(st.integers(0, 10**9), st.sampled_from([0.0, 0.5, 0.7, 1.0]))
@settings(max_examples=500, deadline=None)
def test_greedy_by_price_and_threshold_search_equal_a_slow_greedy_on_strictly_concave_curves(seed, beta):
    curves, counts, room = strictly_concave(seed)
    weights = language_weights(counts, beta=beta)
    expected = slow_greedy(curves, weights, room)
    assert vocap_sizes(curves, weights, room).sizes == expected
    assert threshold_sizes(curves, weights, room).sizes == expected


@given(st.integers(0, 10**9))
@settings(max_examples=100, deadline=None)
def test_the_union_fits_and_the_next_step_does_not(seed):
    curves, counts, room = strictly_concave(seed)
    weights = language_weights(counts)
    allocated = vocap_sizes(curves, weights, room)
    vocabularies = {
        each.language: each.vocabularies[each.sizes.index(allocated.sizes[each.language])] for each in curves
    }
    assert allocated.union == len(set(np.concatenate(list(vocabularies.values())).tolist())) <= room
    gains = {
        each.language: weights[each.language] * each.gains[each.sizes.index(allocated.sizes[each.language])]
        for each in curves
        if each.language not in allocated.exhausted
    }
    if gains:
        best = next(each for each in curves if each.language == max(gains, key=gains.get))
        following = best.vocabularies[best.sizes.index(allocated.sizes[best.language]) + 1]
        others = [pieces for language, pieces in vocabularies.items() if language != best.language]
        assert len(set(np.concatenate([following, *others]).tolist())) > room


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12))
def test_a_hull_is_concave_nowhere_below_and_keeps_its_ends(alp):
    sizes = [3 * number + number**2 for number in range(1, len(alp) + 1)]
    hull = concave(sizes, alp)
    # sums of numbers up to 100 are exact to 1e-12
    assert all(value >= raw - 1e-12 for value, raw in zip(hull, alp, strict=True))
    assert (hull[0], hull[-1]) == pytest.approx((alp[0], alp[-1]))
    slopes = [(b - a) / (n - m) for (a, m), (b, n) in pairwise(zip(hull, sizes, strict=True))]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(slopes))


def test_a_pooled_stretch_has_the_mean_slope_of_its_increments():
    # increments 1, 3, 2 on an even grid: pooled to 2, 2, 2
    assert concave([1, 2, 3, 4], [0, 1, 4, 6]) == [0, 2, 4, 6]


def test_a_pooled_stretch_may_be_taken_in_part():
    flat = curve("a", [0, 1, 4, 6], [range(10 * n) for n in (1, 2, 3, 4)])
    small = curve("b", [0, 0.1], [range(100, 110), range(100, 120)])
    allocated = vocap_sizes([flat, small], {"a": 0.5, "b": 0.5}, 45)
    assert allocated.sizes == {"a": 30, "b": 10}
    assert allocated.sizes == threshold_sizes([flat, small], {"a": 0.5, "b": 0.5}, 45).sizes


def test_weights_are_powers_of_the_sentences():
    counts = {"en": 1000, "sw": 10}
    weights = language_weights(counts, alpha=0.7, beta=0.5)
    q = np.array([1000.0, 10.0]) ** 0.7
    q /= q.sum()
    np.testing.assert_allclose(list(weights.values()), q**0.5 / (q**0.5).sum())
    assert sum(weights.values()) == pytest.approx(1)


def test_with_beta_zero_the_amounts_of_text_do_not_matter():
    curves, counts, room = strictly_concave(7)
    others = {language: 10_000 // count for language, count in counts.items()}
    sizes, sizes_of_others = (
        vocap_sizes(curves, language_weights(each, beta=0.0), room).sizes for each in (counts, others)
    )
    assert sizes == sizes_of_others


def test_a_larger_beta_moves_capacity_to_languages_with_much_text():
    gains = [5, 4, 3, 2, 1]
    alp = np.concatenate([[0], np.cumsum(gains)])
    curves = [
        curve(tag, alp, [range(start, start + 10 * n) for n in range(1, 7)])
        for tag, start in (("en", 0), ("sw", 1000))
    ]
    sizes = [
        vocap_sizes(curves, language_weights({"en": 1000, "sw": 10}, beta=beta), 80).sizes["en"]
        for beta in (0.0, 0.5, 1.0)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@given(st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_every_language_gets_its_smallest_size_at_least(seed):
    curves, counts, room = strictly_concave(seed)
    for allocate in (vocap_sizes, threshold_sizes):
        sizes = allocate(curves, language_weights(counts, beta=3.0), room).sizes
        assert all(sizes[each.language] >= each.sizes[0] for each in curves)
    assert all(equal_sizes(curves, room).sizes[each.language] >= each.sizes[0] for each in curves)


def test_pieces_of_several_languages_count_once():
    shared = [curve(tag, [0, 1], [range(10), range(20)]) for tag in ("a", "b")]
    allocated = vocap_sizes(shared, {"a": 0.5, "b": 0.5}, 20)
    assert allocated.sizes == {"a": 20, "b": 20}
    assert (allocated.union, allocated.shared) == (20, 20)
    assert allocated.exhausted == ("a", "b")


def test_equal_sizes_are_the_largest_that_fit_and_a_short_language_has_its_largest():
    long = curve("a", [0, 1, 2], [range(10 * n) for n in (1, 2, 3)])
    short = curve("b", [0], [range(100, 105)], sizes=[5])
    assert equal_sizes([long, short], 26).sizes == {"a": 20, "b": 5}
    assert equal_sizes([long, short], 35).sizes == {"a": 30, "b": 5}


def test_smallest_vocabularies_that_do_not_fit_are_refused():
    curves, counts, _ = strictly_concave(3)
    with pytest.raises(InputError, match=r"the smallest vocabularies of .* languages have .* room for 9"):
        vocap_sizes(curves, language_weights(counts), 9)


def test_the_objective_is_the_weighted_sum_of_alp():
    curves = [curve("a", [-5, -3], [range(10), range(20)]), curve("b", [-7, -1], [range(10), range(20)])]
    assert objective(curves, {"a": 0.25, "b": 0.75}, {"a": 20, "b": 10}) == pytest.approx(
        -3 * 0.25 - 7 * 0.75
    )
