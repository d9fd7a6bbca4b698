"""Families with known information: Gaussian, Student, additive noise, mixtures, channels, embeddings."""

import numpy as np

from core.errors import InputError
from core.information.estimators.gaussian import covariance_information
from core.information.estimators.student import shared_scale_information
from core.information.estimators.typed_scipy import Array
from core.information.truth.distribution import KnownInformation
from core.information.truth.maps import rotation


def gaussian(name: str, covariance: Array, dx: int) -> KnownInformation:
    """Gaussians of any joint covariance, x in its first dx rows."""
    root = np.linalg.cholesky(covariance)

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        joint = rng.standard_normal((n, len(covariance))) @ root.T
        return joint[:, :dx], joint[:, dx:]

    return KnownInformation(name, covariance_information(covariance, dx), draw)


def dense(dims: int, correlation: float) -> KnownInformation:
    """dims x dims Gaussians, every pair of the 2 dims coordinates equally correlated."""
    covariance = np.full((2 * dims, 2 * dims), correlation) + (1 - correlation) * np.eye(2 * dims)
    return gaussian(f"multinormal-dense-{dims}-{dims}-{correlation}", covariance, dims)


def sparse(dims: int, pairs: int, strength: float) -> KnownInformation:
    """dims x dims Gaussians of which `pairs` coordinates correlate, each by s^2 / (1 + s^2)."""
    if pairs > dims:
        raise InputError(f"at most {dims} interacting pairs fit {dims} dimensions, got {pairs}")
    covariance = np.eye(2 * dims)
    for i in range(pairs):
        covariance[i, dims + i] = covariance[dims + i, i] = strength**2 / (1 + strength**2)
    return gaussian(f"multinormal-sparse-{dims}-{dims}-{pairs}-{strength}", covariance, dims)


def wishart(dx: int, dy: int, seed: int) -> KnownInformation:
    """Gaussians with a random covariance, one per seed, in which every coordinate correlates with every other.

    Twice as many degrees of freedom as dimensions keep the covariance well conditioned.
    """
    root = np.random.default_rng(seed).standard_normal((dx + dy, 2 * (dx + dy)))
    return gaussian(f"multinormal-wishart-{dx}-{dy}-{seed}", root @ root.T, dx)


def student(dx: int, dy: int, degrees: float, correlation: float = 0.0) -> KnownInformation:
    """A Student vector, every pair of coordinates equally correlated: a shared scale adds to the Gaussian part.

    With correlation 0 all information is in the shared scale.
    """
    dims = dx + dy
    dispersion = np.full((dims, dims), correlation) + (1 - correlation) * np.eye(dims)
    root = np.linalg.cholesky(dispersion)

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        joint = rng.standard_normal((n, dims)) / np.sqrt(rng.chisquare(degrees, (n, 1)) / degrees)
        return (joint @ root.T)[:, :dx], (joint @ root.T)[:, dx:]

    kind = f"dense-{correlation}" if correlation else "identity"
    nats = shared_scale_information(degrees, dx, dy) + covariance_information(dispersion, dx)
    return KnownInformation(f"student-{kind}-{dx}-{dy}-{degrees:g}", nats, draw)


def additive(noise: float) -> KnownInformation:
    """Uniform x in (0, 1) plus uniform noise in (-e, e): I = e - log 2e if e <= 1/2, else 1/(4e).

    Example:
        >>> round(additive(0.1).nats, 3), round(additive(0.75).nats, 3)
        (1.709, 0.333)
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.uniform(0, 1, (n, 1))
        return x, x + rng.uniform(-noise, noise, (n, 1))

    nats = noise - np.log(2 * noise) if noise <= 0.5 else 1 / (4 * noise)
    return KnownInformation(f"1v1-additive-{noise}", float(nats), draw)


def mixture(correlation: float = 0.9) -> KnownInformation:
    """An even mixture of two bivariate Gaussians correlated by +r and -r: uncorrelated, yet not independent.

    Margins are standard normal; the information is integrated on a grid to better than 1e-6 nats.
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, noise = rng.standard_normal((2, n, 1))
        sign = rng.choice([-1.0, 1.0], (n, 1))
        return x, sign * correlation * x + np.sqrt(1 - correlation**2) * noise

    return KnownInformation(f"1v1-mixture-{correlation}", _cross_information(correlation), draw)


def _cross_information(correlation: float) -> float:
    grid = np.linspace(-9, 9, 1801)
    x, y = np.meshgrid(grid, grid)
    keep = 1 - correlation**2
    common = -(x**2 + y**2) / (2 * keep) - np.log(2 * np.pi) - 0.5 * np.log(keep)
    log_joint = common + np.logaddexp(correlation * x * y / keep, -correlation * x * y / keep) - np.log(2)
    log_product = -(x**2 + y**2) / 2 - np.log(2 * np.pi)
    return float((np.exp(log_joint) * (log_joint - log_product)).sum() * (grid[1] - grid[0]) ** 2)


def channel(symbols: int, error: float) -> KnownInformation:
    """A symmetric channel: x uniform over q symbols, y equal to x or, with probability e, another symbol.

    I = log q + (1 - e) log(1 - e) + e log(e / (q - 1)).

    Example:
        >>> round(channel(2, 0.11).nats, 3)
        0.347
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.integers(0, symbols, (n, 1))
        wrong_symbol = (x + rng.integers(1, symbols, (n, 1))) % symbols
        y = np.where(rng.random((n, 1)) < error, wrong_symbol, x)
        return x.astype(np.float64), y.astype(np.float64)

    noise = error * np.log(error / (symbols - 1)) if error > 0 else 0.0
    nats = np.log(symbols) + (1 - error) * np.log1p(-error) + noise
    return KnownInformation(f"channel-{symbols}-{error}", float(nats), draw)


def embedding(
    dims: int, nats: float, shared: int = 12, private: int = 24, noise: float = 0.02
) -> KnownInformation:
    """Gaussians shaped like sentence embeddings: few directions carry the variance, fewer the information.

    Each side turns shared + private latent directions of falling variance (1 / rank) into `dims` coordinates
    and adds isotropic noise; `shared` of them pair across sides, each carrying nats / shared.
    """
    latent = shared + private
    if latent > dims:
        raise InputError(f"dims must be at least {latent}, got {dims}")
    variance = np.zeros(dims)
    variance[:latent] = 1 / (1 + np.arange(latent) / 4)
    correlation = np.zeros(dims)
    order = np.random.default_rng(dims).permutation(latent)[:shared]
    correlation[order] = np.sqrt(-np.expm1(-2 * nats / shared))
    spread = np.sqrt(variance + noise**2)
    axes = [rotation(dims, seed) for seed in (dims, dims + 1)]

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, fresh = rng.standard_normal((2, n, dims))
        y = correlation * x + np.sqrt(1 - correlation**2) * fresh
        return (x * spread) @ axes[0].T, (y * spread) @ axes[1].T

    return KnownInformation(f"embedding-{dims}-{nats:g}", float(nats), draw)
