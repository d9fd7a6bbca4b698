"""The ideal critic: the value of InfoNCE among N candidates in a world where every score is the exact log ratio.

No critic does better, because InfoNCE is the log-likelihood of the translation's place among the candidates, and the
exact ratio r(x, y) = P(x, y) / (P(x) P(y)) gives that place its true probability. The expectation in nats is

    log N + E log r(x, y) - E log [ r(x, y) + sum over N - 1 independent candidates y' ~ P(y) of r(x, y') ]

which lies far below min(I, log N) where information sits in a few huge ratios.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from lab.world.distribution import Distribution
from lab.world.facts import Facts

MOST_LISTED: Final = 2**18
"""Largest number of kinds of queries times possible translations to sum over; beyond it queries are drawn."""
DRAWN: Final = 2**18
"""Number of drawn queries times their possible translations."""
MOST_DRAWN: Final = 2**14
STEP: Final = 0.25
"""Step of the integral over log t; for an analytic integrand the error is exp(-pi^2 / STEP)."""
TAIL: Final = 20.0
"""Distance in log t beyond which the integrand is below exp(-TAIL)."""
GONE: Final = 45.0
"""Exponent at which exp(-GONE) is nothing beside 1."""


class Attainable(NamedTuple):
    """Largest possible InfoNCE in nats, and its standard error over drawn queries (0 where all are summed)."""

    nats: float
    error: float


@dataclass(frozen=True)
class Queries:
    """Kinds of source sentences x with their possible translations y.

    Attributes:
        probability: of each kind, [kinds].
        marginal: P(y) of each translation, [kinds, translations]; 0 where a kind has fewer translations.
        ratio: P(y given x) / P(y) without noise, [kinds, translations].
    """

    probability: np.ndarray
    marginal: np.ndarray
    ratio: np.ndarray

    def at(self, kinds: np.ndarray) -> "Queries":
        """The queries with these kinds."""
        return Queries(self.probability[kinds], self.marginal[kinds], self.ratio[kinds])

    def beside(self, factor: "Queries") -> "Queries":
        """Queries that tell, row by row, this query and an independent second query."""

        def outer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
            return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)

        return Queries(
            self.probability * factor.probability,
            outer(self.marginal, factor.marginal),
            outer(self.ratio, factor.ratio),
        )


def attainable(
    distribution: Distribution,
    facts: Facts,
    source: dict[str, np.ndarray],
    target: dict[str, np.ndarray],
    noise: float,
    num_facts: int,
    candidates: Sequence[int],
    seed: int = 0,
) -> list[Attainable]:
    """Expected InfoNCE of the ideal critic for each number of candidates, in nats.

    Where the kinds of queries can be listed the value is exact up to the quadrature (below 1e-6 nats). Otherwise it is
    a mean over queries drawn with `seed`, with its standard error. The other arguments are those of
    `information.between`.
    """
    slots = [
        [
            _queries_of_slot(p, source[kind], target[kind])
            for kind, p in zip(kinds, distribution.slots[row], strict=True)
        ]
        for row, kinds in enumerate(facts.slots)
    ]
    queries, listed = _queries(distribution.relation, slots, num_facts, np.random.default_rng(seed))
    values = _values(queries, noise, candidates)
    means = values @ queries.probability
    spread = ((values - means[:, None]) ** 2) @ queries.probability / max(1, len(queries.probability) - 1)
    errors = np.zeros(len(means)) if listed else np.sqrt(spread)
    return [
        Attainable(max(0.0, float(mean)), float(error)) for mean, error in zip(means, errors, strict=True)
    ]


def _queries_of_slot(p: np.ndarray, source: np.ndarray, target: np.ndarray) -> Queries:
    """The queries of one slot; source entities with the same possible translations are one kind."""
    table = np.zeros((len(p), len(p)))
    np.add.at(table, (source, target), p)
    x, y = table.sum(1), table.sum(0)
    sources = np.flatnonzero(x)
    width = int((table > 0).sum(1).max())
    rows = np.zeros((len(sources), 2, width))
    rows[:, 1] = 1.0
    for row, at in zip(rows, sources, strict=True):
        of = np.flatnonzero(table[at])
        order = np.lexsort((y[of], table[at, of]))
        row[0, : len(of)] = y[of][order]
        row[1, : len(of)] = (table[at, of] / (x[at] * y[of]))[order]
    kinds, kind = np.unique(rows.reshape(len(sources), -1), axis=0, return_inverse=True)
    probability = np.bincount(kind.ravel(), x[sources], minlength=len(kinds))
    return Queries(probability, kinds[:, :width], kinds[:, width:])


def _queries(
    relation: np.ndarray, slots: list[list[Queries]], num_facts: int, rng: np.random.Generator
) -> tuple[Queries, bool]:
    """All kinds of queries and True; or equally likely drawn queries and False."""
    kinds = sum(math.prod(len(slot.probability) for slot in of) for of in slots)
    width = max(math.prod(slot.marginal.shape[1] for slot in of) for of in slots)
    if (kinds * width) ** num_facts <= MOST_LISTED:
        fact = _gathered(relation, slots, _all)
        if num_facts == 1:
            return fact, True
        first_fact, second_fact = np.divmod(np.arange(kinds**2), kinds)
        return fact.at(first_fact).beside(fact.at(second_fact)), True
    count = min(MOST_DRAWN, max(2, DRAWN // width**num_facts))
    drawn = [_drawn_facts(relation, slots, count, rng) for _ in range(num_facts)]
    queries = drawn[0] if num_facts == 1 else drawn[0].beside(drawn[1])
    return Queries(np.full(count, 1 / count), queries.marginal, queries.ratio), False


def _drawn_facts(
    relation: np.ndarray, slots: list[list[Queries]], count: int, rng: np.random.Generator
) -> Queries:
    rows = np.bincount(rng.choice(len(relation), count, p=relation), minlength=len(relation))
    sizes = iter(rows)

    def some(of: list[Queries]) -> list[np.ndarray]:
        size = int(next(sizes))
        return [
            rng.choice(len(slot.probability), size, p=slot.probability / slot.probability.sum())
            for slot in of
        ]

    return _gathered(relation, slots, some).at(rng.permutation(count))


def _all(slots: list[Queries]) -> list[np.ndarray]:
    return list(np.array(list(product(*(range(len(slot.probability)) for slot in slots)))).T)


def _gathered(
    relation: np.ndarray, slots: list[list[Queries]], kinds_of: Callable[[list[Queries]], list[np.ndarray]]
) -> Queries:
    """Queries of all relations, with the kinds that `kinds_of` picks for the slots of a relation."""
    facts: list[Queries] = []
    for p, of in zip(relation, slots, strict=True):
        combined, *others = [slot.at(kinds) for slot, kinds in zip(of, kinds_of(of), strict=True)]
        for slot_queries in others:
            combined = combined.beside(slot_queries)
        facts.append(Queries(p * combined.probability, p * combined.marginal, combined.ratio / p))
    width = max(fact.marginal.shape[1] for fact in facts)
    return Queries(
        np.concatenate([fact.probability for fact in facts]),
        np.concatenate([_padded(fact.marginal, width) for fact in facts]),
        np.concatenate([_padded(fact.ratio, width) for fact in facts]),
    )


def _padded(rows: np.ndarray, width: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def _values(queries: Queries, noise: float, candidates: Sequence[int]) -> np.ndarray:
    """Expected InfoNCE of each kind of query in nats, [candidates, kinds].

    With noise the ratio is (1 - noise) r + noise; for sentences that cannot translate each other it is the noise. The
    mean over candidates is exact: E log Z = integral over t > 0 of (exp(-t) - E exp(-t Z)) / t (Frullani), and for a
    sum Z of independent ratios E exp(-t Z) is a product.
    """
    ratio = (1 - noise) * queries.ratio + noise
    inside = queries.marginal
    outside = np.maximum(0.0, 1 - inside.sum(1))
    counts = np.array(candidates, dtype=float)[:, None]
    integral = np.zeros((len(counts), len(ratio)))
    for t in _grid(ratio[inside > 0], noise, float(counts.max())):
        less, nothing = np.expm1(-t * ratio), math.expm1(-t * noise)
        positive = 1 + (inside * ratio * less).sum(1) + outside * noise * nothing
        candidate = (inside * less).sum(1) + outside * nothing
        others = (counts - 1) * np.log1p(np.maximum(candidate, -1 + 1e-15))
        integral += STEP * (math.exp(-t) - positive * np.exp(others))
    log_ratio = np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0)
    pointwise = (inside * ratio * log_ratio).sum(1) + outside * (noise * math.log(noise) if noise else 0.0)
    return np.log(counts) + pointwise - integral


def _grid(ratio: np.ndarray, noise: float, candidates: float) -> np.ndarray:
    """The nodes t of the integral, evenly spaced in log t."""
    smallest = min(1.0, float(ratio.min()), noise or 1.0)
    largest = max(float(ratio.max()), candidates)
    return np.exp(np.arange(-math.log(largest) - TAIL, math.log(GONE / smallest) + STEP, STEP))
