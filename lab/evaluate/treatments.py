"""Treatments of sentence vectors that train nothing: centring, top components removed, rotation onto one language.

Each is fitted on some meanings and applied to others, so that no number is read where it was fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes

from lab.evaluate.bags import random_vectors
from lab.evaluate.estimates import paired

Apply = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Treats vectors, [sentences, width], whose languages are given, [sentences]."""
FEWEST_PAIRS: Final = 2
"""Meanings of a pair of languages that a rotation is fitted on; with fewer it stays as it is."""


@dataclass(frozen=True)
class FitText:
    """Vectors that a treatment is fitted on: [sentences, width], with the meaning and the language of each."""

    vectors: np.ndarray
    meanings: np.ndarray
    languages: np.ndarray


@dataclass(frozen=True)
class Treatment:
    """A treatment: name, what it does in one line, its source, and a function that fits it."""

    name: str
    label: str
    source: str
    fit: Callable[[FitText], Apply]


def language_means(text: FitText) -> dict[str, np.ndarray]:
    """Mean vector of each language."""
    table = pd.Series(range(len(text.languages))).groupby(text.languages)
    return {str(tag): text.vectors[rows.to_numpy()].mean(0) for tag, rows in table}


def centring(text: FitText) -> Apply:
    """Subtracts the mean of each language; that of all languages where one was not fitted."""
    means, common = language_means(text), text.vectors.mean(0)

    def apply(vectors: np.ndarray, languages: np.ndarray) -> np.ndarray:
        return vectors - np.stack([means.get(str(tag), common) for tag in languages])

    return apply


def removing_top_components(text: FitText) -> Apply:
    """Subtracts the mean of all, then the projection on the leading width / 100 principal components, at least one."""
    mean = text.vectors.mean(0)
    num_top = max(1, text.vectors.shape[1] // 100)
    _, _, axes = np.linalg.svd(text.vectors - mean, full_matrices=False)
    top = axes[:num_top]

    def apply(vectors: np.ndarray, languages: np.ndarray) -> np.ndarray:
        centred = vectors - mean
        return centred - centred @ top.T @ top

    return apply


def rotating(text: FitText) -> Apply:
    """Centres each language and rotates it onto the one with the most meanings, by orthogonal Procrustes."""
    centre = centring(text)
    vectors = centre(text.vectors, text.languages)
    counts = pd.Series(text.languages).value_counts(sort=True)
    pivot = str(counts.index[0])
    turns = {str(tag): _turn(text, vectors, str(tag), pivot) for tag in counts.index if str(tag) != pivot}

    def apply(vectors: np.ndarray, languages: np.ndarray) -> np.ndarray:
        centred = centre(vectors, languages)
        turned = centred.copy()
        for tag, turn in turns.items():
            rows = languages == tag
            turned[rows] = centred[rows] @ turn
        return turned

    return apply


def _turn(text: FitText, vectors: np.ndarray, tag: str, pivot: str) -> np.ndarray:
    sides = [np.flatnonzero(text.languages == each) for each in (tag, pivot)]
    source, target = paired(*((text.meanings[rows], vectors[rows]) for rows in sides))
    if len(source) < FEWEST_PAIRS:
        return np.eye(vectors.shape[1], dtype=vectors.dtype)
    return orthogonal_procrustes(source, target)[0].astype(vectors.dtype)


def drawing_at_random(text: FitText) -> Apply:
    """Independent normal vectors of the same width, new ones at each use: the reference of all that is read."""
    width, seeds = text.vectors.shape[1], count()
    return lambda vectors, languages: random_vectors(len(vectors), width, next(seeds))


TREATMENTS: Final[tuple[Treatment, ...]] = (
    Treatment("none", "as they are", "", lambda text: lambda vectors, languages: vectors),
    Treatment("centred", "mean of each language subtracted", "Libovický et al. 2020", centring),
    Treatment("top-removed", "top components removed", "Mu and Viswanath 2018", removing_top_components),
    Treatment("rotated", "rotated onto one language (Procrustes)", "Schönemann 1966", rotating),
    Treatment("random", "random vectors", "", drawing_at_random),
)
