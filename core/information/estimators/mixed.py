"""Labels beside numbers: nearest neighbours among the samples of the same labels."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from core.information.bounds import Kind
from core.information.estimators.classical import MANY
from core.information.estimators.gaussian import normal_scores
from core.information.estimators.ksg import count_within, kth_distance
from core.information.estimators.neighbours import QUANTILE
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs
from core.information.estimators.typed_scipy import Array, Labels, digamma
from core.information.estimators.variables import Variable

NEIGHBOURS = 3
"""Neighbours of a sample; fewer than the five of continuous samples, because few samples share a label."""
CHANCE = 1.5
"""Variance of a term, times the number of neighbours, that shows only between data sets. Where labels and numbers are
independent it is nearly all (simulations with 2 to 60 labels, 300 to 3,000 samples).
"""
CURVATURE = 0.02
"""Share of the estimate that the curvature of densities within neighbours may cost, either way."""
ONWARDS = 3.0
"""Least number of times that the rise from half of the samples to all may still come."""
UNSETTLED = 0.5
"""Share of the gain of a function without noise, when the samples double, from which on only a bound is reported."""
FREE = 0.2
"""Share of samples free of ties below which no such gain can be told from noise."""


def mixed_terms(
    x: Variable, y: Variable, neighbours: int = NEIGHBOURS
) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Per-sample terms whose mean is I(x; y) in nats, and which samples have a neighbour at all.

    psi(k) + psi(n) - psi(n_x) - psi(n_y). The k-th neighbour is sought among the samples with the same labels on both
    sides. n_x counts the samples of the same label of x that are nearer in the numbers of x, the sample itself
    included; without numbers it is the size of the label.

    Args:
        x: one side.
        y: the other side.
        neighbours: k, at most the number of samples with the same labels.

    Sources: Ross 2014 (label against number), Gao et al. 2017 (1709.06212) for mixtures of both.
    """
    n, of_x, of_y = len(x.labels), _scores(x), _scores(y)
    joint = np.hstack([of_x, of_y])
    near, radius = np.zeros(n, dtype=np.int64), np.zeros(n)
    for rows in _groups(x.labels * y.kinds + y.labels):
        if len(rows) > 1:
            near[rows], radius[rows] = _neighbours(joint[rows], min(neighbours, len(rows) - 1))
    known = near > 0
    around = digamma(_counts(x.labels, of_x, radius)) + digamma(_counts(y.labels, of_y, radius))
    return digamma(np.maximum(near, 1)) + digamma(n) - around, known


def _neighbours(points: Array, count: int) -> tuple[Labels, Array]:
    """Number of neighbours and their radius for each sample: `count`, or all that coincide with the sample."""
    if points.shape[1] == 0:
        return np.full(len(points), len(points)), np.zeros(len(points))
    distance = kth_distance(points, count)
    # a little less, so that rounding cannot count the k-th neighbour itself, whose distance is the radius
    slack = 8 * np.finfo(np.float64).eps * np.abs(points).max()
    radius = np.maximum(distance * (1 - 1e-10) - slack, 0)
    return np.where(distance > 0, count, count_within(points, radius)), radius


def _counts(labels: Labels, values: Array, radius: Array) -> Labels:
    counts = np.zeros(len(radius), dtype=np.int64)
    for rows in _groups(labels):
        counts[rows] = count_within(values[rows], radius[rows]) if values.shape[1] else len(rows)
    return counts


def _scores(side: Variable) -> Array:
    return side.numbers if side.discrete else normal_scores(side.numbers)


def _groups(labels: Labels) -> Iterator[Labels]:
    order = np.argsort(labels, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def by_mixed(pairs: SamplePairs, seed: int = 0, sides: tuple[Variable, Variable] | None = None) -> Estimate:
    """Information in nats of labels, numbers or both on either side, by neighbours of the same labels.

    The interval holds the sampling error, the change from half of the samples to all (at least three times that
    upwards, where the bias of neighbours lies), and 2 % of the estimate. Samples with labels of their own show
    nothing: the estimate leaves them out, and the interval counts them as 0 nats at its low end and log n at its high
    end. The value is a lower bound if doubling the samples adds as much as to a function without noise, or if rows of
    labels are too many to count and are read as numbers.

    Args:
        pairs: the samples.
        seed: of the halves.
        sides: both variables by type; default: as recognised in `pairs`.
    """
    x, y = sides or pairs.variables
    terms, known = mixed_terms(x, y)
    if not known.any():
        known[:] = True
    nats, alone = float(terms[known].mean()), 1 - float(known.mean())
    change = nats - _halves(x, y, np.random.default_rng(seed))
    error = QUANTILE * np.sqrt((float(terms[known].var()) + CHANCE / NEIGHBOURS) / pairs.n)
    doubt = CURVATURE * abs(nats)
    unseen = alone * max(np.log(pairs.n) - nats, 0.0)
    low = (1 - alone) * nats - error - doubt - max(-change, 0.0)
    dims = max(x.numbers.shape[1] + y.numbers.shape[1], 1)
    onwards = max(ONWARDS, 1 / (2 ** (1 / dims) - 1))
    high = nats + error + doubt + onwards * max(change, 0.0) + unseen
    free = _alone(x, y)
    endless = free > FREE and change > UNSETTLED * np.log(2) * free / max(dims - 1, 1)
    reason = "labels and numbers: nearest neighbours (k = 3) among the samples of the same labels"
    if endless:
        reason += "; doubling the samples adds what it adds to a function without noise, so this only bounds"
    if x.crowded or y.crowded:
        reason += "; rows of labels too many to count are read as numbers, so this only bounds"
    interval = float(min(low, nats)), float(max(high, nats))
    kind: Kind = "lower bound" if endless or x.crowded or y.crowded else "estimate"
    notes = (f"{dims} dimensions: nearest neighbours see little here",) if dims > MANY else ()
    if endless:
        notes += (
            "a bound only: as between functions without noise, the information may be larger without limit",
        )
    return Estimate(nats, *interval, kind, None, "mixed", pairs.n, 0.0, pairs.warnings + notes, reason)


def _halves(x: Variable, y: Variable, rng: np.random.Generator) -> float:
    """The estimate on each half of the samples, averaged, in nats."""
    halves = np.array_split(rng.permutation(len(x.labels)), 2)
    readings = [mixed_terms(x.take(rows), y.take(rows)) for rows in halves]
    return float(np.mean([terms[known].mean() if known.any() else 0.0 for terms, known in readings]))


def _alone(x: Variable, y: Variable) -> float:
    """Share of the samples whose numbers recur on neither side."""
    return float((_fresh(x) & _fresh(y)).mean())


def _fresh(side: Variable) -> Bool[np.ndarray, " n"]:
    if side.discrete:
        return np.zeros(len(side.labels), dtype=bool)
    _, index, counts = np.unique(side.numbers, axis=0, return_inverse=True, return_counts=True)
    return counts[index.reshape(-1)] == 1
