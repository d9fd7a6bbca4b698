"""Sentence retrieval: is a sentence's translation its nearest neighbour among all sentences of the other language?"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.stats import binom

from core.errors import InputError
from lab.projection import unit

BLOCK = 2**24
"""Cosines held at once: 64 MiB, whatever the number of sentences."""
RESAMPLES = 2_000


@dataclass(frozen=True)
class Side:
    """The sentences of one language: meanings (distinct), texts and vectors, row by row."""

    meanings: np.ndarray
    texts: list[str]
    vectors: np.ndarray


@dataclass(frozen=True)
class Direction:
    """Retrieval from one language (the queries) in another (the index)."""

    source: str
    target: str
    meanings: np.ndarray
    correct: np.ndarray
    wrong: pd.DataFrame

    @property
    def accuracy(self) -> float:
        """Share of queries whose translation comes first."""
        return float(self.correct.mean())

    def interval(self) -> tuple[float, float]:
        """95 % percentile bootstrap over sentences; for a share its distribution is binomial, so it is exact."""
        n = len(self.correct)
        low, high = binom.ppf([0.025, 0.975], n, self.accuracy) / n
        return float(low), float(high)


def sides_of(sentences: pd.DataFrame, vectors: np.ndarray) -> dict[str, Side]:
    """Sentences and their vectors by language."""
    groups = sentences.reset_index(drop=True).groupby("language", sort=True)
    return {
        str(tag): Side(group["meaning"].to_numpy(), group["text"].tolist(), vectors[group.index.to_numpy()])
        for tag, group in groups
    }


def nearest(queries: np.ndarray, index: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Cosines of some queries with the whole index at a time: 100,000 x 100,000 fit in memory.

    Queries and index hold unit vectors; yields the rows and their cosines, [rows, index].
    """
    rows = max(1, BLOCK // max(1, len(index)))
    for begin in range(0, len(queries), rows):
        part = slice(begin, min(begin + rows, len(queries)))
        yield part, queries[part] @ index.T


def direction(source: str, target: str, queries: Side, index: Side) -> Direction:
    """Top-1 retrieval of the translations of `queries` in `index`, among the meanings that both tell.

    Raises:
        InputError: the languages share fewer than two meanings.
    """
    shared, q, k = np.intersect1d(queries.meanings, index.meanings, return_indices=True)
    if len(shared) < 2:
        raise InputError(
            f"retrieval needs two meanings told in {source} and {target}, got {len(shared)}: add translations"
        )
    left, right = unit(queries.vectors[q]), unit(index.vectors[k])
    best = np.empty(len(shared), dtype=np.int64)
    margin = np.empty(len(shared), dtype=np.float32)
    for part, cosines in nearest(left, right):
        best[part] = cosines.argmax(1)
        rows = np.arange(len(cosines))
        margin[part] = cosines[rows, best[part]] - cosines[rows, np.arange(part.start, part.stop)]
    correct = best == np.arange(len(shared))
    at = np.flatnonzero(~correct)
    wrong = pd.DataFrame(
        {
            "source": source,
            "target": target,
            "query": [queries.texts[q[i]] for i in at],
            "found": [index.texts[k[best[i]]] for i in at],
            "expected": [index.texts[k[i]] for i in at],
            "margin": margin[at],
        }
    )
    return Direction(
        source, target, shared, correct, wrong.sort_values("margin", ascending=False, ignore_index=True)
    )


def retrieval(
    sides: Mapping[str, Side], progress: Callable[[int, int], None] | None = None
) -> list[Direction]:
    """Every directed pair of languages that share meanings."""
    pairs = [pair for pair in permutations(sorted(sides), 2) if _share(sides[pair[0]], sides[pair[1]])]
    if not pairs:
        raise InputError(
            f"retrieval needs two languages that share meanings, got {' '.join(sorted(sides)) or 'none'}"
        )
    found = []
    for number, (source, target) in enumerate(pairs, start=1):
        found.append(direction(source, target, sides[source], sides[target]))
        if progress:
            progress(number, len(pairs))
    return found


def _share(a: Side, b: Side) -> bool:
    return len(np.intersect1d(a.meanings, b.meanings)) >= 2


def mean_accuracy(directions: list[Direction], seed: int = 0) -> tuple[float, float, float]:
    """Mean accuracy over directions with its 95 % bootstrap interval over meanings, all directions together."""
    meanings = np.unique(np.concatenate([direction.meanings for direction in directions]))
    total = np.zeros(len(meanings))
    weight = np.zeros(len(meanings))
    for one in directions:
        at = np.searchsorted(meanings, one.meanings)
        total[at] += one.correct / len(one.correct)
        weight[at] += 1 / len(one.correct)
    counts = np.random.default_rng(seed).multinomial(
        len(meanings), np.full(len(meanings), 1 / len(meanings)), RESAMPLES
    )
    means = (counts @ total) / (counts @ weight)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(total.sum() / weight.sum()), float(low), float(high)


def pivot(directions: list[Direction]) -> str | None:
    """The language that is query or index of every direction, where there are several others: English in Tatoeba."""
    common = set.intersection(*({one.source, one.target} for one in directions))
    return common.pop() if len(common) == 1 else None


def scores(directions: list[Direction], layer: int) -> pd.DataFrame:
    """Tidy rows of the score table: one per direction and one for their mean."""
    rows = [
        (one.source, one.target, "accuracy", one.accuracy, *one.interval(), len(one.correct))
        for one in directions
    ]
    rows.append(("", "", "mean_accuracy", *mean_accuracy(directions), max(row[-1] for row in rows)))
    table = pd.DataFrame(rows, columns=["source", "target", "metric", "value", "low", "high", "n"])
    return table.assign(task="retrieval", layer=layer, unit="share")
