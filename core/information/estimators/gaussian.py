"""The information of Gaussian variables, from their covariance alone."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from core.errors import InputError
from core.information.estimators.samples import Array, ranks_of
from core.information.estimators.typed_scipy import digamma, ledoit_wolf, normal_quantiles


def normal_scores(values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Each column through its ranks onto a standard normal: an invertible map, so no information is lost.

    Example:
        >>> normal_scores(np.array([[1.0], [100.0], [10.0]]))[:, 0].round(3)
        array([-0.967,  0.967,  0.   ])
    """
    return normal_quantiles(ranks_of(values))


def log_det_bias(degrees: int, dims: int) -> float:
    """E log det of a sample covariance minus log det of the true one, exact for Gaussians.

    sum_i digamma((m - i) / 2) + d log(2 / m), i = 0 ... d - 1, with m = n - 1 > d degrees of freedom; negative.

    Example:
        >>> round(log_det_bias(99, 10), 3)
        -0.576
    """
    half = (degrees - np.arange(dims)) / 2
    return float(digamma(half).sum() + dims * np.log(2 / degrees))


def covariance_information(covariance: Float[np.ndarray, "d d"], dx: int) -> float:
    """I(x; y) in nats of Gaussians whose joint covariance has x in its first dx rows.

    1/2 [log det S_xx + log det S_yy - log det S].

    Raises:
        InputError: the covariance is not positive definite.

    Example:
        >>> round(covariance_information(np.array([[1, 0.6], [0.6, 1]]), 1), 4)
        0.2231
    """
    parts = (covariance[:dx, :dx], covariance[dx:, dx:], covariance)
    signs, logs = zip(*(np.linalg.slogdet(part) for part in parts), strict=True)
    if min(signs) <= 0:
        raise InputError(
            "the covariance is singular: more samples than dimensions, no repeated columns and no y that is a "
            "function of x expected; drop such columns or use method='auto'"
        )
    return float(0.5 * (logs[0] + logs[1] - logs[2]))


def information_bias(n: int, dx: int, dy: int) -> float:
    """Mean excess of the plug-in Gaussian information over the truth, in nats; exact for Gaussians.

    Example:
        >>> round(information_bias(1000, 5, 5), 4)
        0.0126
    """
    both = log_det_bias(n - 1, dx + dy)
    return 0.5 * (log_det_bias(n - 1, dx) + log_det_bias(n - 1, dy) - both)


def gaussian_information(x: Float[np.ndarray, "n dx"], y: Float[np.ndarray, "n dy"]) -> float:
    """I(x; y) in nats of Gaussian samples, without the small-sample bias.

    Raises:
        InputError: n <= dx + dy + 1, or the covariance is singular.
    """
    n, dx, dy = len(x), x.shape[1], y.shape[1]
    if n <= dx + dy + 1:
        raise InputError(f"more samples than dimensions expected, got {n} for {dx + dy}: use method='auto'")
    joint = np.atleast_2d(np.cov(np.hstack([x, y]), rowvar=False))
    return covariance_information(joint, dx) - information_bias(n, dx, dy)


class Canonical(NamedTuple):
    """Directions that pair x with y: x @ a.T and y @ b.T are white, and correlated only pairwise."""

    a: Float[np.ndarray, "dx dx"]
    b: Float[np.ndarray, "dy dy"]
    correlations: Float[np.ndarray, " k"]

    def information(self) -> float:
        """-1/2 sum log(1 - rho^2) nats."""
        return float(-0.5 * np.log1p(-(np.minimum(self.correlations, 1 - 1e-12) ** 2)).sum())


def canonical(covariance: Float[np.ndarray, "d d"], dx: int) -> Canonical:
    """Canonical correlations of a joint covariance whose first dx rows are x.

    Raises:
        InputError: the covariance of a side is singular.
    """
    left, right = _inverse_root(covariance[:dx, :dx]), _inverse_root(covariance[dx:, dx:])
    u, correlations, vt = np.linalg.svd(left @ covariance[:dx, dx:] @ right.T)
    return Canonical(u.T @ left, vt @ right, correlations)


def _inverse_root(block: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(block)), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise InputError(
            f"the covariance of {len(block)} columns is singular: drop repeated columns or use method='auto'"
        ) from None


def noise_edge(n: int, dx: int, dy: int) -> float:
    """Approximately the largest canonical correlation that n independent samples show.

    sqrt(p (1 - q)) + sqrt(q (1 - p)), p = dx / n, q = dy / n (Wachter's law), plus a margin for its spread.

    Example:
        >>> round(noise_edge(5000, 25, 25), 3)
        0.159
    """
    p, q = min(dx / n, 1.0), min(dy / n, 1.0)
    if p + q >= 1:
        return 1.0
    return float(min(np.sqrt(p * (1 - q)) + np.sqrt(q * (1 - p)) + 1 / np.sqrt(n) + n ** (-2 / 3), 1.0))


def shrunk_covariance(joint: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """Ledoit-Wolf covariance: positive definite even with fewer samples than dimensions."""
    return ledoit_wolf(joint)
