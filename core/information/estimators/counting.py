"""Labels on both sides: the information counted, with an interval that holds where most pairs occur once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from core.errors import InputError
from core.information.estimators.discrete import (
    Table,
    chao_shen_entropy,
    corrected_information,
    grassberger_entropy,
    plug_in_entropy,
    plug_in_terms,
    shrunk_information,
    shuffled_information,
    table_of,
)
from core.information.estimators.neighbours import QUANTILE
from core.information.estimators.result import Estimate
from core.information.estimators.samples import Pairs
from core.information.estimators.variables import Variable

RARE = 5
"""Pairs of rows for each pair of labels below which counts of pairs say little."""
AGREEING = 8
"""Contradictions that chance would have shown, at least, before a map without any counts as deterministic."""


class Entropy(NamedTuple):
    """Entropy of the sample in nats, and the most that the variable may have (95 %)."""

    nats: float
    high: float


def entropy_of(labels: Int[np.ndarray, " n"]) -> Entropy:
    """Entropy of the sample, and an upper end that allows for kinds not seen.

    The upper end is the larger of two corrected entropies plus the sampling error and, as long as kinds
    occur once, their share (of which nothing is known); else at most the log of the number of kinds.

    Example:
        >>> entropy_of(np.repeat(np.arange(4), 100))
        Entropy(nats=1.3862943611198906, high=1.3862943611198906)
    """
    counts = np.bincount(labels)
    n, kinds, single = len(labels), len(counts), int((counts == 1).sum())
    nats = plug_in_entropy(counts)
    spread = np.log(counts / n)[labels].std()
    error = np.hypot(spread / np.sqrt(n), np.sqrt((kinds - 1) / 2) / n)
    high = max(grassberger_entropy(counts), chao_shen_entropy(counts)) + QUANTILE * error + single / n
    limit = high if single else min(high, np.log(kinds))
    return Entropy(nats, float(max(limit, nats)))


def by_counting(pairs: Pairs, seed: int = 0) -> Estimate:
    """Information of discrete variables in nats by counting, never above the smaller entropy.

    Each distinct row is one label. The estimate shrinks the counted table to independence as far as the
    evidence goes (`shrunk_information`). The interval reaches from there, or from the counted information
    normalised to what shuffled pairs read, up to Grassberger's correction: the three agree where labels meet
    often, and span what may be true where most pairs of labels occur once. If every label of one side was seen
    with one label of the other only, the estimate is that side's entropy.
    Raises InputError unless both sides are discrete.
    """
    x, y = pairs.variables
    if not (x.discrete and y.discrete):
        raise InputError(
            "counting needs labels on both sides, rows that come back: use method='auto' or 'ksg'"
        )
    table, entropies = table_of(x.labels, y.labels), [entropy_of(side.labels) for side in (x, y)]
    holder = int(np.argmin([entropy.high for entropy in entropies]))
    ceiling = min(entropy.nats for entropy in entropies), entropies[holder].high
    exact = _function(x, y, table)
    nats, low, high = exact or _shrunk(x, y, table, ceiling[0], seed)
    nats = min(nats, ceiling[0])
    high = max(min(high, ceiling[1]), nats)
    way = "one side is a function of the other, so all of its entropy" if exact else "shrunk to independence"
    reason = f"labels on both sides, {len(table.cells)} pairs of them: counted, {way}"
    notes = (*_rare(x, y, table), *pairs.warnings)
    return Estimate(
        nats, min(low, nats), high, "estimate", ceiling[1], "discrete", pairs.n, 0.0, notes, reason
    )


def _shrunk(x: Variable, y: Variable, table: Table, entropy: float, seed: int) -> tuple[float, float, float]:
    terms = plug_in_terms(x.labels, y.labels)
    counted, shrunk = float(terms.mean()), shrunk_information(table)
    chance = shuffled_information(x.labels, y.labels, np.random.default_rng(seed))
    normalised = entropy * (counted - chance) / (entropy - chance) if chance < entropy else 0.0
    error = QUANTILE * _error(table, terms.std())
    doubt = 1.5 * max(counted - shrunk, 0.0)
    low = max(min(normalised, shrunk - doubt), min(normalised, shrunk, 0.0)) - error
    return shrunk, low, max(shrunk, normalised, corrected_information(table)) + error


def _error(table: Table, spread: float) -> float:
    """Standard error of the counted information: that of a mean, and the noise of the occupied cells."""
    free = max(len(table.cells) - len(table.left) - len(table.right) + 1, 0)
    return float(np.hypot(spread / np.sqrt(table.n), np.sqrt(free / 2) / table.n))


def _function(x: Variable, y: Variable, table: Table) -> tuple[float, float, float] | None:
    """The entropy of the side that is a function of the other in these samples; the interval allows for
    exceptions at the rate that would have escaped them (3 in as many rows as could have shown one).
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


def _rare(x: Variable, y: Variable, table: Table) -> tuple[str, ...]:
    if table.n >= RARE * x.kinds * y.kinds:
        return ()
    share = int((table.cells == 1).sum()) / table.n
    return (
        f"{table.n} pairs for {x.kinds} x {y.kinds} labels: {share:.0%} are the only ones of their kind, so "
        "what correlates them can hardly be told from chance, and the interval is wide",
    )
