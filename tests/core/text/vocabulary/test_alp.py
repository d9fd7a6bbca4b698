"""Numbers of counts of pieces: pencil values and limits."""

from math import log

import numpy as np
import pytest

from core.text.vocabulary.alp import average_log_probability, log_probabilities, renyi_efficiency


def test_alp_of_two_lines_is_the_pencil_value_in_nats_per_line():
    # "a b" and "a c": a twice of four, b and c once each
    by_hand = (2 * log(2 / 4) + log(1 / 4) + log(1 / 4)) / 2
    assert average_log_probability(np.array([2, 1, 1, 0]), lines=2) == pytest.approx(by_hand, abs=1e-15)


def test_a_text_without_lines_has_no_alp():
    with pytest.raises(ValueError, match="at least one line, got 0"):
        average_log_probability(np.array([1]), lines=0)


def test_alp_is_the_sum_of_the_log_probabilities_of_all_pieces():
    counts = np.array([3, 0, 5, 2])
    used = counts > 0
    assert average_log_probability(counts, 1) == pytest.approx(
        (counts[used] * log_probabilities(counts)[used]).sum()
    )


@pytest.mark.parametrize("order", [0.5, 2.0, 2.5])
def test_renyi_efficiency_is_one_where_all_pieces_are_used_alike_and_zero_where_one_does_all(order):
    assert renyi_efficiency(np.full(7, 3), order) == pytest.approx(1.0)
    assert renyi_efficiency(np.array([9, 0, 0]), order) == pytest.approx(0.0)


def test_pieces_that_are_never_used_lower_the_renyi_efficiency():
    assert renyi_efficiency(np.array([4, 4, 0, 0])) == pytest.approx(log(2) / log(4))


@pytest.mark.parametrize("order", [0.0, 1.0, -2.0])
def test_an_order_that_has_no_formula_is_refused(order):
    with pytest.raises(ValueError, match="order"):
        renyi_efficiency(np.array([1, 1]), order)
