"""Samples with labels on a side: the estimator for their types, with a warning that names the types."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.information.estimators.counting import by_counting
from core.information.estimators.mixed import CURVATURE, by_mixed, mixed_terms
from core.information.estimators.neighbours import KSG_MAX_DIMS, QUANTILE, corrected_neighbours
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs
from core.information.estimators.variables import Variable

NARROW = 0.1
"""Width in nats of an interval that counting alone need not improve on."""
ENOUGH = 1000
"""Samples that decide whether the order of a code means anything."""
RECODINGS = 9
"""Random orders that the order of a code is compared with."""
EXCESS = 5.0
"""Standard deviations by which the order of a code must tell more than random orders do."""
ORDERS = 3
"""Random ways to break the ties of numbers."""
LEAST = 0.02
"""Nats below which such an excess is not worth another reading."""

Sides = tuple[Variable, Variable]


def by_types(pairs: SamplePairs, seed: int = 0) -> Estimate | None:
    """Information in nats where a side has labels or atoms; None where a method for many numbers is needed.

    Labels on both sides are counted; labels beside up to four columns of numbers are read by neighbours of the same
    labels. If the interval is wide and a label is a number whose order tells more than random orders, the label is
    read as a number too, and the narrower interval is reported.
    """
    x, y = pairs.variables
    if (x.continuous and y.continuous) or x.numbers.shape[1] + y.numbers.shape[1] > KSG_MAX_DIMS:
        return None
    plain = by_counting(pairs, seed) if x.discrete and y.discrete else by_mixed(pairs, seed)
    if plain.high - plain.low > NARROW:
        rng = np.random.default_rng(seed)
        sides = _ordered(x, y, rng)
        if sides is not None:
            plain = _narrower(plain, _numbers(pairs, sides, rng, seed))
    return noted(plain, pairs)


def _ordered(x: Variable, y: Variable, rng: np.random.Generator) -> Sides | None:
    """The sides, with labels read as numbers where their order tells most; None if no order tells anything."""
    rows = rng.permutation(len(x.labels))[:ENOUGH]
    sample = x.take(rows), y.take(rows)
    excess = [(_excess(sample, which, rng), which) for which in _readings(x, y)]
    nats, which = max(excess, default=(0.0, (False, False)))
    return _as_numbers((x, y), which, rng) if nats > 0 else None


def _readings(x: Variable, y: Variable) -> Iterator[tuple[bool, bool]]:
    for of_x, of_y in ((True, True), (True, False), (False, True)):
        if (x.ordered or not of_x) and (y.ordered or not of_y):
            yield of_x, of_y


def _as_numbers(
    sides: Sides, which: tuple[bool, bool], rng: np.random.Generator, recoded: bool = False
) -> Sides:
    def number(side: Variable) -> Variable:
        return side.as_number(rng.permutation(side.kinds) if recoded else np.arange(side.kinds), rng)

    return (number(sides[0]) if which[0] else sides[0]), (number(sides[1]) if which[1] else sides[1])


def _excess(sides: Sides, which: tuple[bool, bool], rng: np.random.Generator) -> float:
    """Excess in nats of neighbours in the order of the codes over random orders; 0 if it may be chance."""

    def read(recoded: bool) -> float:
        terms, known = mixed_terms(*_as_numbers(sides, which, rng, recoded))
        return float(terms[known].mean()) if known.any() else 0.0

    random = np.array([read(recoded=True) for _ in range(RECODINGS)])
    excess = read(recoded=False) - float(random.mean())
    return excess if excess > max(EXCESS * float(random.std(ddof=1)), LEAST) else 0.0


def _numbers(pairs: SamplePairs, sides: Sides, rng: np.random.Generator, seed: int) -> Estimate:
    """The mean of several readings with ties in random orders; the spread of the readings widens the interval."""
    x, y = sides
    if not (x.continuous and y.continuous):
        estimate = by_mixed(pairs, seed, sides)
        return replace(estimate, reason=f"numbers of few values, whose order tells: {estimate.reason}")
    drawn = [_as_numbers(pairs.variables, (True, True), rng) for _ in range(ORDERS)]
    read = [corrected_neighbours(SamplePairs(x.numbers, y.numbers), seed, draws=1) for x, y in drawn]
    nats, low, high = np.mean([(each.nats, each.low, each.high) for each in read], axis=0)
    doubt = CURVATURE * abs(nats) + QUANTILE * np.std([each.nats for each in read], ddof=1) / np.sqrt(ORDERS)
    kind = "lower bound" if any(each.bound for each in read) else "estimate"
    reason = f"numbers of few values, whose order tells: {read[0].reason}"
    interval = float(low - doubt), float(high + doubt)
    return Estimate(float(nats), *interval, kind, None, "ordered", pairs.n, 0.0, pairs.warnings, reason)


def _narrower(plain: Estimate, ordered: Estimate) -> Estimate:
    """The reading as numbers if its interval is narrower and not below the reading as labels; else the latter.

    Both readings miss information rather than invent it.
    """
    width = ordered.high - ordered.low
    if ordered.kind != "estimate" or width >= plain.high - plain.low or ordered.high < plain.nats:
        return plain
    if ordered.low <= plain.high:
        return ordered
    note = (
        f"read as labels {plain.nats:.2f} nats, read as numbers {ordered.nats:.2f}: the interval holds both"
    )
    return replace(ordered, low=plain.low, warnings=(*ordered.warnings, note))


def noted(estimate: Estimate, pairs: SamplePairs) -> Estimate:
    """The estimate with method "auto", and a warning that names the types recognised on each side."""
    types = [
        f"{name} is {side.words}" for name, side in zip("xy", pairs.variables, strict=True) if side.words
    ]
    notes = (f"not continuous on both sides: {' and '.join(types)}",) if types else ()
    return replace(estimate, method="auto", warnings=estimate.warnings + notes)
