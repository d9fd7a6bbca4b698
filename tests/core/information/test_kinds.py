"""What is called a bound is one: expectations of every bound, by listing all samples, against the exact information."""

import math
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
from torch import Tensor

from core.information import bounds

Law = np.ndarray
"""P(x, y) as a table."""
SLACK = 1e-9
"""Sums of at most a thousand products of doubles; a wrong mean of candidates shows from 1e-3 on."""


def symmetric(flip: float) -> Law:
    return np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2


def drawn(size: int, seed: int) -> Law:
    table = np.random.default_rng(seed).dirichlet(np.full(size * size, 0.5)).reshape(size, size)
    return 0.999 * table + 0.001 / size**2


LAWS: dict[str, Law] = {
    "flip 0.1": symmetric(0.1),
    "flip 0.001": symmetric(0.001),
    "rare spike": np.array([[0.98, 0.005], [0.005, 0.01]]),
    "skew": np.array([[0.6, 0.1], [0.05, 0.25]]),
    "three skew": drawn(3, 2),
}


def information(law: Law) -> float:
    independent = np.outer(law.sum(1), law.sum(0))
    return float((law * np.log(law / independent)).sum())


def samples(law: Law, n: int) -> Iterator[tuple[float, list[int], list[int]]]:
    """Every set of n pairs with its probability: the order of pairs changes no bound."""
    cells = [(x, y) for x in range(len(law)) for y in range(len(law))]
    for drawn in combinations_with_replacement(range(len(cells)), n):
        repeats = math.prod(math.factorial(drawn.count(at)) for at in set(drawn))
        p = math.factorial(n) / repeats * math.prod(law[cells[at]] for at in drawn)
        yield p, [cells[at][0] for at in drawn], [cells[at][1] for at in drawn]


SIZES = {2: (2, 3, 4), 3: (2, 3)}
"""Numbers of pairs whose sets are listed, by the number of values of x and y."""


def critics(law: Law) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores f(x, y) and a log baseline a(x): the exact log ratio, sharpened with another baseline, and random ones."""
    ratio = np.log(law / np.outer(law.sum(1), law.sum(0)))
    rng = np.random.default_rng(7)
    return [
        (ratio, np.zeros(len(law))),
        (3 * ratio, np.full(len(law), -0.4)),
        (2 * rng.normal(size=law.shape), rng.normal(size=len(law))),
    ]


def matrix(table: np.ndarray, xs: list[int], ys: list[int]) -> Tensor:
    return torch.from_numpy(table[np.ix_(xs, ys)])


# arguments: scores, log baselines of the rows and log normalisers of the pairs
Values = Callable[[Tensor, Tensor, Tensor], bounds.Bound]
OF_SCORES: dict[str, Values] = {
    "infonce": lambda s, a, u: bounds.infonce(s),
    "infonce, without the positive": lambda s, a, u: bounds.infonce(s, include_positive=False),
    "mlcpc": lambda s, a, u: bounds.mlcpc(s),
    "mlcpc, alpha one": lambda s, a, u: bounds.mlcpc(s, 1.0),
    "donsker_varadhan": lambda s, a, u: bounds.donsker_varadhan(s),
    "mine": lambda s, a, u: bounds.mine(s),
    "nwj": lambda s, a, u: bounds.nwj(s),
    "tuba": lambda s, a, u: bounds.tuba(s, a),
    "interpolated, 0.1": lambda s, a, u: bounds.interpolated(s, a, 0.1),
    "interpolated, 0.5": lambda s, a, u: bounds.interpolated(s, a, 0.5),
    "interpolated, 0.8": lambda s, a, u: bounds.interpolated(s, a, 0.8),
    "interpolated, 1": lambda s, a, u: bounds.interpolated(s, a, 1.0),
    "jensen_shannon": lambda s, a, u: bounds.jensen_shannon(s),
    "smile": lambda s, a, u: bounds.smile(s, 1.0),
    "flo": lambda s, a, u: bounds.flo(s, u),
}


def expected(value: Values, law: Law, n: int, scores: np.ndarray, baseline: np.ndarray) -> tuple[float, str]:
    """E[value] over all samples of n pairs, and the kind that the function claims."""
    total, kind = 0.0, ""
    for p, xs, ys in samples(law, n):
        bound = value(
            matrix(scores, xs, ys),
            torch.from_numpy(baseline[xs]),
            torch.from_numpy(0.3 * scores[xs, ys] - baseline[xs]),
        )
        total, kind = total + p * float(bound), bound.kind
    return total, kind


@pytest.mark.parametrize("name", OF_SCORES)
@pytest.mark.parametrize("law", LAWS)
def test_what_is_called_a_lower_bound_never_exceeds_the_information_in_expectation(name, law):
    table = LAWS[law]
    truth = information(table)
    for n in SIZES[len(table)]:
        # the largest sets with the exact log ratio only: every call is checked for shapes, which takes its time
        for scores, baseline in critics(table)[: 1 if n == max(SIZES[len(table)]) else None]:
            value, kind = expected(OF_SCORES[name], table, n, scores, baseline)
            assert kind == "estimate" or value <= truth + SLACK


def test_what_is_only_an_estimate_can_exceed_the_information():
    table = LAWS["flip 0.1"]
    above = {
        name for name, value in OF_SCORES.items()
        if any(expected(value, table, n, *pair)[0] > information(table) + 1e-6
               for n in (2, 3) for pair in critics(table))
    }  # fmt: skip
    assert above == {"infonce, without the positive", "donsker_varadhan", "mine", "smile"}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ["club", "leave_one_out"])
def test_what_is_called_an_upper_bound_never_falls_below_the_information_in_expectation(name, law):
    table = LAWS[law]
    conditional = np.log(table / table.sum(1, keepdims=True))
    for n in SIZES[len(table)]:
        total = 0.0
        for p, xs, ys in samples(table, n):
            # club: f_ij = log p(y_j given x_i); leave_one_out: f_ij = log p(y_i given x_j)
            scores = matrix(conditional, xs, ys)
            bound = bounds.club(scores) if name == "club" else bounds.leave_one_out(scores.T.contiguous())
            assert bound.kind == "upper bound"
            total += p * float(bound)
        assert total >= information(table) - SLACK


@pytest.mark.parametrize("law", LAWS)
def test_a_decoder_of_any_quality_bounds_from_below(law):
    table = LAWS[law]
    entropy = -float((table.sum(1) * np.log(table.sum(1))).sum())
    for seed in range(4):
        decoder = np.random.default_rng(seed).dirichlet(np.ones(len(table)), len(table)).T
        if not seed:
            decoder = table / table.sum(0)
        bound = bounds.barber_agakov(torch.from_numpy(np.log(decoder).ravel()), entropy)
        value = float((torch.from_numpy(table.ravel()) * bound.terms).sum())
        assert bound.kind == "lower bound"
        assert value <= information(table) + SLACK
        assert seed or value == pytest.approx(information(table))


def test_leaving_out_candidates_of_the_same_meaning_exceeds_the_information_and_is_called_an_estimate():
    # two meanings, told alike in both languages: I = log 2; of fifteen others those of its meaning are left out
    meanings = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (400, 16)))
    scores = 30.0 * (meanings[:, :1] == meanings).double()
    excluded = (meanings[:, :1] == meanings).clone()
    positive = torch.zeros(400, dtype=torch.int64)
    plain, fewer = bounds.infonce(scores, positive), bounds.infonce(scores, positive, excluded)
    assert float(plain) < math.log(2) + 0.05 < 1.5 < float(fewer)
    assert (plain.kind, fewer.kind) == ("lower bound", "estimate")


@pytest.mark.parametrize("bound", [bounds.infonce, bounds.mlcpc, bounds.nwj, bounds.jensen_shannon])
def test_no_function_calls_a_value_with_excluded_candidates_a_bound(bound):
    excluded = torch.zeros(3, 3, dtype=torch.bool)
    assert bound(torch.zeros(3, 3), excluded=excluded).kind == "estimate"
