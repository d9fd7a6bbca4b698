"""Labels on both sides: the information counted, with an interval that holds where most pairs occur once."""

import numpy as np

from core.errors import InputError
from core.information.estimators.ceiling import entropy_of, under_entropy
from core.information.estimators.discrete import (
    CountTable,
    chance_information,
    corrected_information,
    plug_in_entropy,
    plug_in_terms,
    shrunk_information,
    table_of,
)
from core.information.estimators.neighbours import QUANTILE
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs
from core.information.estimators.variables import Variable

ALONE = 0.05
"""Share of the pairs of labels that occur once from which on counts of pairs say little."""
SETTLED = 0.1
"""Nats that shuffled pairs may read with Grassberger's correction for the correction to limit the estimate."""
AGREEING = 8
"""Contradictions that chance must have shown before a map without contradictions counts as deterministic."""


def by_counting(pairs: SamplePairs, seed: int = 0) -> Estimate:
    """Information of discrete variables in nats by counting, never above the smaller entropy.

    Each distinct row is a label. The estimate shrinks the counted table to independence as far as the evidence goes
    (`shrunk_information`). The interval reaches from this estimate, or from the counted information normalised by the
    reading of shuffled pairs, up to Grassberger's correction. The three agree where labels meet often, and span what
    may be true where most pairs of labels occur once. Where shuffled pairs read hardly anything with the correction,
    the correction limits estimate and interval. If every label of one side occurs with a single label of the other,
    the estimate is the entropy of the other side.

    Args:
        pairs: the samples, discrete on both sides.
        seed: of the shuffles.

    Raises:
        InputError: a side is not discrete.
    """
    x, y = pairs.variables
    if not (x.discrete and y.discrete):
        raise InputError(
            "counting needs labels on both sides, rows that come back: use method='auto' or 'ksg'"
        )
    table = table_of(x.labels, y.labels)
    exact = _function(x, y, table)
    nats, low, high = exact or _shrunk(x, y, table, seed)
    way = "one side is a function of the other, so all of its entropy" if exact else "shrunk to independence"
    reason = f"labels on both sides, {len(table.cells)} pairs of them: counted, {way}"
    notes = pairs.warnings if exact else (*_rare(x, y, table), *pairs.warnings)
    estimate = Estimate(nats, low, high, "estimate", None, "discrete", pairs.n, 0.0, notes, reason)
    return under_entropy(estimate, pairs)


def _shrunk(x: Variable, y: Variable, table: CountTable, seed: int) -> tuple[float, float, float]:
    terms = plug_in_terms(x.labels, y.labels)
    counted, shrunk, corrected = float(terms.mean()), shrunk_information(table), corrected_information(table)
    chance = chance_information(x.labels, y.labels, np.random.default_rng(seed))
    cells = QUANTILE * _noise_of_cells(table)
    error = float(np.hypot(QUANTILE * terms.std() / np.sqrt(table.n), cells))
    if chance.corrected < SETTLED:
        bias = max(chance.corrected, 0.0)
        nats = min(max(shrunk, corrected - bias - cells), corrected + cells)
        return nats, min(nats, corrected - 2 * bias) - error, max(nats, corrected) + error
    entropy = min(plug_in_entropy(table.left), plug_in_entropy(table.right))
    room = entropy - chance.counted
    normalised = entropy * (counted - chance.counted) / room if room > 0 else 0.0
    doubt = 1.5 * max(counted - shrunk, 0.0)
    low = min(max(min(normalised, shrunk - doubt), min(normalised, shrunk, 0.0)), shrunk) - error
    return shrunk, low, max(shrunk, normalised, corrected) + error


def _noise_of_cells(table: CountTable) -> float:
    """Standard error in nats by the occupied cells, beyond the standard error of a mean.

    Grassberger's correction depends on whether counts are odd or even, by half a count each.
    """
    counts = len(table.cells) + len(table.left) + len(table.right)
    free = max(len(table.cells) - len(table.left) - len(table.right) + 1, 0)
    return float(np.sqrt(free / 2 + counts / 4) / table.n)


def _function(x: Variable, y: Variable, table: CountTable) -> tuple[float, float, float] | None:
    """Entropy in nats of a side that is a function of the other in these samples, with its interval; else None.

    The interval allows for exceptions at the rate that the samples would miss: 3 in as many rows as could show any.
    """
    readings: list[tuple[float, float, float]] = []
    for kinds, image in ((table.left, y), (table.right, x)):
        shares = np.bincount(image.labels) / table.n
        repeats = table.n - len(kinds)
        if len(table.cells) > len(kinds) or repeats * (1 - (shares**2).sum()) < AGREEING:
            continue
        rate = min(3 / repeats, 0.5)
        lost = -rate * np.log(rate) - (1 - rate) * np.log1p(-rate) + rate * np.log(max(image.kinds - 1, 1))
        entropy = entropy_of(image.labels)
        error = QUANTILE * float(np.log(shares[image.labels]).std()) / np.sqrt(table.n)
        readings.append((entropy.nats, entropy.nats - error - lost, entropy.high))
    return min(readings, default=None)


def _rare(x: Variable, y: Variable, table: CountTable) -> tuple[str, ...]:
    share = int((table.cells == 1).sum()) / table.n
    if share < ALONE:
        return ()
    return (
        f"{table.n} pairs for {x.kinds} x {y.kinds} labels: {share:.0%} are the only ones of their kind, so "
        "dependence can hardly be told from chance, and the interval is wide",
    )
