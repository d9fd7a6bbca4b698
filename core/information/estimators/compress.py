"""Compresses samples to principal axes."""

import numpy as np
from jaxtyping import Float

from core.information.estimators.samples import SamplePairs
from core.information.estimators.typed_scipy import Array


def principal_axes(values: Float[np.ndarray, "n d"], count: int) -> Float[np.ndarray, "n r"]:
    """The samples on their `count` principal axes, largest variance first.

    The axes do not depend on the other variable, so no dependence can be learned by heart. Variation outside the axes
    is lost, which can only lower the information.
    """
    centred = values - values.mean(axis=0)
    n, dims = centred.shape
    wide = dims > n
    square = centred @ centred.T if wide else centred.T @ centred
    size = len(square)
    keep = min(count, size)
    vectors = np.linalg.eigh(square)[1][:, ::-1][:, :keep]
    return np.asarray(vectors * np.sqrt(n) if wide else centred @ vectors, dtype=np.float64)


def compressed(pairs: SamplePairs, count: int) -> SamplePairs:
    """Both variables on at most `count` principal axes, largest variance first."""
    return SamplePairs(_narrow(pairs.x, count), _narrow(pairs.y, count), pairs.warnings)


def _narrow(values: Array, count: int) -> Array:
    return principal_axes(values, count)
