"""What a side of the samples is taken for, and what becomes of gaps and copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.information import estimate
from core.information.estimators.samples import read_pairs
from core.information.estimators.variables import Variable, spread_ranks, variable


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def of(*columns: np.ndarray) -> Variable:
    return variable(np.stack(columns, axis=1).astype(np.float64))


NORMAL = rng().standard_normal(400)
LABEL = rng().integers(0, 5, 400)


@pytest.mark.parametrize(
    ("side", "discrete", "kinds", "words"),
    [
        (of(LABEL), True, 5, "discrete, of 5 values"),
        (variable(np.eye(5)[LABEL]), True, 5, "a label of 5 kinds in 5 one-hot columns"),
        (variable(np.eye(5)[LABEL][:, 1:]), True, 5, "a label of 5 kinds in 4 one-hot columns"),
        (of(LABEL, LABEL[::-1]), True, 25, "discrete, of 25 distinct rows in 2 columns"),
        (of(NORMAL), False, 1, ""),
        (of(np.round(NORMAL, 1)), True, len(np.unique(np.round(NORMAL, 1))), "discrete, of 50 values"),
        (of(np.maximum(NORMAL, 0)), False, 2, "values that come back in 53% of the rows beside 1 continuous column"),
        (of(LABEL, NORMAL), False, 5, "a label of 5 kinds beside 1 continuous column"),
        (
            of(*np.eye(5)[LABEL].T, NORMAL),
            False, 5, "a label of 5 kinds beside 1 continuous column",
        ),
        (
            variable(rng().integers(0, 10, (400, 4)).astype(float)),
            False, 1, "discrete in 4 of 4 columns, but its rows hardly come back",
        ),
    ],
)  # fmt: skip
def test_a_side_is_taken_for_what_its_columns_are(
    side: Variable, discrete: bool, kinds: int, words: str
) -> None:
    assert (side.discrete, side.kinds, side.words) == (discrete, kinds, words)


def test_columns_of_half_precision_are_continuous_in_wide_vectors() -> None:
    wide = rng().standard_normal((2000, 32)).astype(np.float16).astype(np.float64)
    assert variable(wide).continuous


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 9))
def test_a_value_can_be_read_back_from_its_spread_ranks(values: list[int], seed: int) -> None:
    ranks = spread_ranks(np.array(values, dtype=float), np.random.default_rng(seed))
    order = np.argsort(ranks)
    assert (np.diff(np.array(values)[order]) >= 0).all()
    assert np.allclose(np.sort(ranks), (np.arange(len(values)) + 0.5) / len(values))


def test_rows_with_a_masked_cell_are_left_out_and_counted() -> None:
    x, y = rng().standard_normal((2, 300))
    gone = np.arange(300) % 4 == 0
    masked = np.ma.masked_array(np.where(gone, np.nan, x), gone)
    reading = estimate(masked, y)
    assert reading.n == 225
    assert reading.nats == estimate(x[~gone], y[~gone]).nats
    assert "75 of 300 rows hold masked cells: left out" in reading.warnings


def test_masks_of_both_sides_and_of_single_cells_add_up() -> None:
    x = np.ma.masked_array(rng().standard_normal((40, 2)), np.zeros((40, 2), dtype=bool))
    x[3, 1] = np.ma.masked
    y = np.ma.masked_equal(np.arange(40), 7)
    assert read_pairs(x, y).n == 38


def test_too_few_rows_without_a_mask_are_refused_with_their_number() -> None:
    hidden = np.ma.masked_array(np.arange(30.0), np.arange(30) > 5)
    with pytest.raises(InputError, match="got 6; 24 of 30 rows hold masked cells"):
        estimate(hidden, np.arange(30.0))


def test_copies_of_continuous_pairs_are_no_samples() -> None:
    x, y = rng().standard_normal((2, 300))
    reading = estimate(np.tile(x, 2), np.tile(y, 2))
    assert (reading.n, reading.nats) == (300, estimate(x, y).nats)
    assert "300 of 600 pairs are duplicates of others" in reading.warnings[0]


def test_copies_of_labels_are_samples() -> None:
    labels = rng().integers(0, 50, 100)
    assert estimate(labels, labels % 7).n == 100
