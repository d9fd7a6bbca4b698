"""Nearness of two vectors: the cosine, or a cosine corrected for hubs, which are near to everything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from core.errors import InputError

BLOCK: Final = 2**24
"""Cosines held at once: 64 MiB, whatever the number of sentences."""
LEAST: Final = 1e-6
"""Sum of mean cosines that a ratio is divided by, at least."""
Measure = Literal["cosine", "csls", "margin"]
NEIGHBOURS: Final = 4
"""Neighbours of a neighbourhood, as xsim counts them."""


@dataclass(frozen=True)
class Nearness:
    """Nearness of a candidate to a query.

    With r(v) the mean cosine of v and its `neighbours` nearest vectors of the other side: "cosine" is cos(q, c); "csls"
    is 2 cos(q, c) - r(q) - r(c) (Conneau et al. 2018); "margin" is cos(q, c) / ((r(q) + r(c)) / 2), the ratio of
    Artetxe and Schwenk 2019, with which LASER's xsim is computed.

    Raises:
        InputError: fewer than one neighbour.
    """

    measure: Measure = "cosine"
    neighbours: int = NEIGHBOURS

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise InputError(f"expected --neighbours from 1, got {self.neighbours}")

    def of(
        self, queries: np.ndarray, candidates: np.ndarray, columns: np.ndarray
    ) -> Callable[[np.ndarray, slice], np.ndarray]:
        """A function of the cosines of some queries with some candidates, and of the queries' rows: their nearness.

        Args:
            queries: unit vectors, [queries, hidden].
            candidates: unit vectors, [candidates, hidden].
            columns: candidates that have a column of cosines.
        """
        if self.measure == "cosine":
            return lambda cosines, rows: cosines
        around_query = neighbourhoods(queries, candidates, self.neighbours)
        around_candidate = neighbourhoods(candidates[columns], queries, self.neighbours)

        def corrected(cosines: np.ndarray, rows: slice) -> np.ndarray:
            around = around_query[rows, None] + around_candidate
            if self.measure == "csls":
                return 2 * cosines - around
            # opposite vectors have neighbourhoods below 0, by which no ratio orders them
            return 2 * cosines / np.maximum(around, LEAST)

        return corrected


COSINE: Final = Nearness()


def cosines_in_blocks(queries: np.ndarray, index: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Cosines of some queries with the whole index at a time: 100,000 x 100,000 fit in memory.

    Queries and index hold unit vectors; yields the rows and their cosines, [rows, index].
    """
    rows = max(1, BLOCK // max(1, len(index)))
    for begin in range(0, len(queries), rows):
        part = slice(begin, min(begin + rows, len(queries)))
        yield part, queries[part] @ index.T


def neighbourhoods(vectors: np.ndarray, others: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean cosine of each vector and its nearest among `others`, or all of them where they are fewer, [vectors]."""
    k = min(neighbours, len(others))
    parts = [
        np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
        for _, cosines in cosines_in_blocks(vectors, others)
    ]
    return np.concatenate(parts)
