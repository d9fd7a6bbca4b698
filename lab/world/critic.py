"""The ideal critic: what InfoNCE among N candidates reaches in a world when every score is the exact log ratio.

No critic does better, for InfoNCE is the log-likelihood of the translation's place among the candidates, and the exact
ratio r(x, y) = P(x, y) / (P(x) P(y)) gives that place its true probability. Its expectation in nats is

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
"""Kinds of queries times their possible translations up to which all kinds are summed; else some are drawn."""
DRAWN: Final = 2**18
"""Queries drawn times their possible translations."""
MOST_DRAWN: Final = 2**14
STEP: Final = 0.25
"""Of the integral over log t: an analytic integrand leaves an error of exp(-pi^2 / STEP)."""
TAIL: Final = 20.0
"""Distance in log t beyond which the integrand is below exp(-TAIL)."""
GONE: Final = 45.0
"""Exponent at which an exponential is nothing beside 1."""


class Attainable(NamedTuple):
    """The most that InfoNCE can reach in nats, and its standard error over the queries drawn (0: all are summed)."""

    nats: float
    error: float


@dataclass(frozen=True)
class Queries:
    """Kinds of source sentences x and their possible translations y, for all of which the pair can be right.

    `probability` [kinds]; `marginal` [kinds, translations] is P(y), 0 where a kind has fewer; `ratio` is
    P(y given x) / P(y) without noise.
    """

    probability: np.ndarray
    marginal: np.ndarray
    ratio: np.ndarray

    def at(self, kinds: np.ndarray) -> "Queries":
        """The queries of these kinds."""
        return Queries(self.probability[kinds], self.marginal[kinds], self.ratio[kinds])

    def beside(self, other: "Queries") -> "Queries":
        """Row by row what tells both independently."""

        def outer(one: np.ndarray, two: np.ndarray) -> np.ndarray:
            return (one[:, :, None] * two[:, None, :]).reshape(len(one), -1)

        return Queries(
            self.probability * other.probability,
            outer(self.marginal, other.marginal),
            outer(self.ratio, other.ratio),
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
    """The ideal critic's expected InfoNCE for each number of candidates, for what `information.between` describes.

    Exact but for the quadrature (below 1e-6 nats) where the kinds of queries can be listed; else a mean over queries
    drawn with `seed`, with its standard error.
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
    """The kinds of what a slot of the source tells: those with alike translations are one."""
    table = np.zeros((len(p), len(p)))
    np.add.at(table, (source, target), p)
    x, y = table.sum(1), table.sum(0)
    told = np.flatnonzero(x)
    width = int((table > 0).sum(1).max())
    rows = np.zeros((len(told), 2, width))
    rows[:, 1] = 1.0
    for row, at in zip(rows, told, strict=True):
        of = np.flatnonzero(table[at])
        order = np.lexsort((y[of], table[at, of]))
        row[0, : len(of)] = y[of][order]
        row[1, : len(of)] = (table[at, of] / (x[at] * y[of]))[order]
    kinds, kind = np.unique(rows.reshape(len(told), -1), axis=0, return_inverse=True)
    probability = np.bincount(kind.ravel(), x[told], minlength=len(kinds))
    return Queries(probability, kinds[:, :width], kinds[:, width:])


def _queries(
    relation: np.ndarray, slots: list[list[Queries]], num_facts: int, rng: np.random.Generator
) -> tuple[Queries, bool]:
    """All kinds of queries, or so many drawn, all alike; and whether these are all."""
    kinds = sum(math.prod(len(slot.probability) for slot in of) for of in slots)
    width = max(math.prod(slot.marginal.shape[1] for slot in of) for of in slots)
    if (kinds * width) ** num_facts <= MOST_LISTED:
        fact = _gathered(relation, slots, _all)
        if num_facts == 1:
            return fact, True
        first, second = np.divmod(np.arange(kinds**2), kinds)
        return fact.at(first).beside(fact.at(second)), True
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
    relation: np.ndarray, slots: list[list[Queries]], chosen: Callable[[list[Queries]], list[np.ndarray]]
) -> Queries:
    """Facts of every relation, which both sides tell, with the chosen kinds in their slots."""
    facts: list[Queries] = []
    for p, of in zip(relation, slots, strict=True):
        first, *others = [slot.at(kinds) for slot, kinds in zip(of, chosen(of), strict=True)]
        for other in others:
            first = first.beside(other)
        facts.append(Queries(p * first.probability, p * first.marginal, first.ratio / p))
    width = max(fact.marginal.shape[1] for fact in facts)
    return Queries(
        np.concatenate([fact.probability for fact in facts]),
        np.concatenate([_padded(fact.marginal, width) for fact in facts]),
        np.concatenate([_padded(fact.ratio, width) for fact in facts]),
    )


def _padded(rows: np.ndarray, width: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def _values(queries: Queries, noise: float, candidates: Sequence[int]) -> np.ndarray:
    """Expected InfoNCE of each kind of query, [candidates, kinds].

    With noise the ratio is (1 - noise) r + noise, for sentences that cannot translate each other noise alone. The
    mean over candidates is exact: E log Z = integral over t > 0 of (exp(-t) - E exp(-t Z)) / t (Frullani), and
    E exp(-t Z) of a sum of independent ratios is a product.
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
    """The t at which the integral is read, alike in log t."""
    smallest = min(1.0, float(ratio.min()), noise or 1.0)
    largest = max(float(ratio.max()), candidates)
    return np.exp(np.arange(-math.log(largest) - TAIL, math.log(GONE / smallest) + STEP, STEP))
