"""Hubs: sentences that are near to everything, and how many are near to nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import skew

from lab.evaluate.nearness import cosines_in_blocks

OCCURRENCE: Final = 10
"""Neighbours of a query that are counted (Radovanović et al. 2010)."""


@dataclass(frozen=True)
class Hubness:
    """Hubness of a direction.

    Attributes:
        skew: skewness of the k-occurrence, how often a candidate is among the k nearest of a query; 0 where all are
            found equally often.
        anti_hubs: share of candidates that are among nobody's k nearest.
        reciprocal: 1 for each query that is the nearest of its nearest candidate, else 0, [queries].
        neighbours: k.
    """

    skew: float
    anti_hubs: float
    reciprocal: np.ndarray
    neighbours: int


def hubness(queries: np.ndarray, candidates: np.ndarray, neighbours: int = OCCURRENCE) -> Hubness:
    """Hubness of the candidates for the queries, by cosine, exact, in blocks.

    Args:
        queries: unit vectors, [queries, width].
        candidates: unit vectors, [candidates, width].
        neighbours: k; all candidates where they are fewer.
    """
    k = min(neighbours, len(candidates))
    occurrence = np.zeros(len(candidates), dtype=np.int64)
    nearest = np.empty(len(queries), dtype=np.int64)
    best, nearest_query = np.full(len(candidates), -np.inf), np.zeros(len(candidates), dtype=np.int64)
    for rows, cosines in cosines_in_blocks(queries, candidates):
        top = np.argpartition(cosines, -k, axis=1)[:, -k:]
        occurrence += np.bincount(top.ravel(), minlength=len(candidates))
        nearest[rows] = cosines.argmax(1)
        at = cosines.argmax(0)
        values = cosines[at, np.arange(len(candidates))]
        better = values > best
        best[better], nearest_query[better] = values[better], rows.start + at[better]
    reciprocal = (nearest_query[nearest] == np.arange(len(queries))).astype(float)
    skewness = float(skew(occurrence)) if occurrence.std() > 0 else 0.0
    return Hubness(skewness, float((occurrence == 0).mean()), reciprocal, k)
