"""Elliptical variables with heavy tails: Student's t, fitted by likelihood after mapping each margin.

A Student vector carries information even when uncorrelated, because its coordinates share a scale. With margins mapped
by ranks onto Student quantiles it is the t copula. The limit of infinite degrees of freedom is the Gaussian copula.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.errors import InputError
from core.information.estimators.gaussian import covariance_information, information_bias
from core.information.estimators.samples import Array, ranks_of, tied_columns
from core.information.estimators.typed_scipy import (
    digamma,
    log_gamma,
    minimize_scalar,
    normal_quantiles,
    student_quantiles,
)

RIDGE = 1e-9
"""Added to every variance, so that repeated columns and y = f(x) give a large number and not a singular one."""
GAUSSIAN_TAIL = 1 / 60
"""Inverse degrees of freedom below which tails count as Gaussian: I differs by less than 1e-3 nats per 10 dims."""


def shared_scale_information(degrees: float, dx: int, dy: int) -> float:
    """I(x; y) in nats of an uncorrelated Student vector: what x tells about the scale of y.

    h(dx) + h(dy) - h(dx + dy), h the entropy of a standard Student vector; 0 for infinite degrees.

    Example:
        >>> round(shared_scale_information(2.0, 5, 5), 3), round(shared_scale_information(1.0, 1, 1), 3)
        (0.448, 0.224)
    """
    if not degrees > 0:
        raise InputError(f"degrees of freedom must be positive, got {degrees}")
    if np.isinf(degrees):
        return 0.0
    return _entropy(degrees, dx) + _entropy(degrees, dy) - _entropy(degrees, dx + dy)


def _entropy(degrees: float, dims: int) -> float:
    top = (degrees + dims) / 2
    constant = log_gamma(degrees / 2) - log_gamma(top) + dims / 2 * np.log(degrees * np.pi)
    return float(constant + top * (digamma(top) - digamma(degrees / 2)))


def quantiles(uniform: Array, degrees: float) -> Array:
    """Standard Student (or normal) values at these probabilities."""
    return normal_quantiles(uniform) if np.isinf(degrees) else student_quantiles(uniform, degrees)


def log_density(squared: Float[np.ndarray, " n"], log_det: float, dims: int, degrees: float) -> Array:
    """Log density of a Student (or Gaussian) vector from its squared Mahalanobis norms, in nats."""
    if np.isinf(degrees):
        return -0.5 * (dims * np.log(2 * np.pi) + log_det + squared)
    top = (degrees + dims) / 2
    constant = log_gamma(top) - log_gamma(degrees / 2) - dims / 2 * np.log(degrees * np.pi)
    return constant - log_det / 2 - top * np.log1p(squared / degrees)


@dataclass(frozen=True)
class Elliptical:
    """A fitted t copula (or, with infinite degrees, Gaussian copula): degrees of freedom and scatter."""

    degrees: float
    scatter: Float[np.ndarray, "d d"]
    dx: int
    n: int

    def information(self) -> float:
        """I(x; y) in nats, without the small-sample bias of the scatter."""
        dims = len(self.scatter)
        weight = 1.0 if np.isinf(self.degrees) else (self.degrees + dims + 2) / (self.degrees + dims)
        bias = weight * information_bias(self.n, self.dx, dims - self.dx)
        shared = shared_scale_information(self.degrees, self.dx, dims - self.dx)
        return covariance_information(self.scatter, self.dx) - bias + shared

    def log_ratio(self, scores: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """log p(x, y) / (p(x) p(y)) in nats at Student scores, x in the first columns; the mean is the information."""
        both = self._log_density(scores, slice(None))
        return (
            both - self._log_density(scores, slice(self.dx)) - self._log_density(scores, slice(self.dx, None))
        )

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """n fresh samples of the fitted law, as Student (or normal) scores."""
        normal = rng.standard_normal((n, len(self.scatter))) @ np.linalg.cholesky(self.scatter).T
        if np.isinf(self.degrees):
            return normal
        return normal / np.sqrt(rng.chisquare(self.degrees, (n, 1)) / self.degrees)

    def _log_density(self, scores: Array, part: slice) -> Array:
        block = self.scatter[part, part]
        values = scores[:, part]
        return log_density(_squared(values, block), _log_det(block), len(block), self.degrees)


def fit_elliptical(x: Float[np.ndarray, "n dx"], y: Float[np.ndarray, "n dy"]) -> Elliptical:
    """Fits the t copula of largest likelihood, or the Gaussian copula where heavy tails do not raise the likelihood.

    Tied columns always get the Gaussian copula, because ties look like tails to the likelihood.

    Raises:
        InputError: n <= dx + dy + 1.

    Example:
        >>> z = np.random.default_rng(0).standard_t(2, size=(2000, 1)) * np.ones((1, 1))
        >>> bool(fit_elliptical(z, z + np.random.default_rng(1).standard_normal((2000, 1))).degrees < 10)
        True
    """
    n, dx, dims = len(x), x.shape[1], x.shape[1] + y.shape[1]
    if n <= dims + 1:
        raise InputError(f"more samples than dimensions expected, got {n} for {dims}: use method='auto'")
    uniform: Array = ranks_of(np.hstack([x, y]))
    degrees = np.inf if tied_columns(uniform).any() else _likeliest_degrees(uniform)
    return Elliptical(degrees, fit_scatter(quantiles(uniform, degrees), degrees), dx, n)


def _likeliest_degrees(uniform: Array) -> float:
    def loss(inverse: float) -> float:
        return -_copula_log_likelihood(uniform, 1 / inverse if inverse > 0 else np.inf)

    if loss(0.0) <= loss(GAUSSIAN_TAIL):
        return np.inf
    return 1 / minimize_scalar(loss, GAUSSIAN_TAIL, 1.5, tolerance=0.002)


def _copula_log_likelihood(uniform: Array, degrees: float) -> float:
    n, dims = uniform.shape
    grid = quantiles(ranks_of(np.arange(n, dtype=np.float64)[:, None])[:, 0], degrees)
    scores = grid[(uniform * n).astype(np.intp)]
    scatter = fit_scatter(scores, degrees, steps=12)
    margins = log_density(grid**2, 0.0, 1, degrees).mean() * dims
    return float(log_density(_squared(scores, scatter), _log_det(scatter), dims, degrees).mean() - margins)


def fit_scatter(
    scores: Float[np.ndarray, "n d"], degrees: float, steps: int = 50
) -> Float[np.ndarray, "d d"]:
    """Scatter of centred Student scores by expectation-maximisation; the covariance for infinite degrees."""
    n, dims = scores.shape
    if np.isinf(degrees):
        return scores.T @ scores / n + RIDGE * np.eye(dims)
    scatter = np.eye(dims)
    for _ in range(steps):
        weights = (degrees + dims) / (degrees + _squared(scores, scatter))
        updated = (scores * weights[:, None]).T @ scores / n + RIDGE * np.eye(dims)
        change = np.abs(updated - scatter).max()
        scatter = updated
        if change < 1e-4:
            break
    return scatter


def _squared(values: Array, scatter: Array) -> Array:
    return (np.linalg.solve(np.linalg.cholesky(scatter), values.T) ** 2).sum(axis=0)


def _log_det(scatter: Array) -> float:
    return float(np.linalg.slogdet(scatter)[1])
