# pyright: basic
"""Functions of scipy and scikit-learn with types."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from sklearn import covariance

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def digamma(values: Array | Labels | float | int) -> Array:
    """The derivative of log gamma."""
    return np.asarray(special.digamma(values), dtype=np.float64)


def log_gamma(value: float) -> float:
    """log of the gamma function."""
    return float(special.gammaln(value))


def log_gammas(values: Array) -> Array:
    """log of the gamma function, value by value."""
    return np.asarray(special.gammaln(values), dtype=np.float64)


def normal_quantiles(uniform: Array) -> Array:
    """Standard normal values at these probabilities."""
    return np.asarray(special.ndtri(uniform), dtype=np.float64)


def student_quantiles(uniform: Array, degrees: float) -> Array:
    """Standard Student values at these probabilities."""
    return np.asarray(special.stdtrit(degrees, uniform), dtype=np.float64)


def minimize_scalar(loss: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """The point between two ends where a function of one variable is lowest."""
    options = {"xatol": tolerance}
    optimum = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options=options)
    return float(optimum["x"])  # pyright: ignore[reportIndexIssue]


def ledoit_wolf(joint: Array) -> Array:
    """Covariance shrunk towards a multiple of the identity by the Ledoit-Wolf rule."""
    return np.asarray(covariance.ledoit_wolf(joint)[0], dtype=np.float64)


def neighbours_in_tree(points: Array, count: int) -> tuple[Array, Labels]:
    """Maximum-norm distances and indices of the `count` nearest points, each point itself first."""
    distances, index = cKDTree(points).query(points, count, p=np.inf)
    return np.asarray(distances, dtype=np.float64), np.asarray(index, dtype=np.int64)


def count_in_tree(points: Array, radius: Array) -> Labels:
    """Number of points within the radius of each point (maximum norm), the point itself included."""
    counts = cKDTree(points).query_ball_point(points, radius, p=np.inf, return_length=True)
    return np.asarray(counts, dtype=np.int64)


def mean_ranks(values: Array) -> Array:
    """Ranks 1..n of each column; ties share their mean rank."""
    return np.asarray(stats.rankdata(values, axis=0), dtype=np.float64)


def normal_probabilities(values: Array) -> Array:
    """The standard normal distribution function."""
    return np.asarray(special.ndtr(values), dtype=np.float64)
