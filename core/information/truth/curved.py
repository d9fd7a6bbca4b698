"""Families whose dependence is curved, broken or hidden in the spread, so that no correlation shows it."""

import numpy as np

from core.information.estimators.typed_scipy import Array, digamma, log_gamma
from core.information.truth.distribution import KnownInformation


def sine(noise: float, waves: int = 2) -> KnownInformation:
    """Uniform x in (0, 1) and y = sin(2 pi w x) plus normal noise: I = h(y) - h(noise), integrated on a grid.

    Example:
        >>> round(sine(0.2).nats, 3)
        1.154
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.uniform(0, 1, (n, 1))
        return x, np.sin(2 * np.pi * waves * x) + noise * rng.standard_normal((n, 1))

    phase = (np.arange(4000) + 0.5) / 4000 * np.pi
    grid = np.linspace(-1 - 9 * noise, 1 + 9 * noise, 4001)
    kernel = np.exp(-((grid[:, None] - np.cos(phase)) ** 2) / (2 * noise**2))
    density = kernel.mean(axis=1) / (noise * np.sqrt(2 * np.pi))
    entropy = -(density * np.log(density + 1e-300)).sum() * (grid[1] - grid[0])
    return KnownInformation(
        f"1v1-sine-{noise}", float(entropy - 0.5 * np.log(2 * np.pi * np.e * noise**2)), draw
    )


def checkerboard(squares: int) -> KnownInformation:
    """Uniform on the dark squares of a board with an even number of squares a side: exactly log 2 nats."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        column = rng.integers(0, squares, (n, 1))
        row = 2 * rng.integers(0, squares // 2, (n, 1)) + column % 2
        return column + rng.uniform(0, 1, (n, 1)), row + rng.uniform(0, 1, (n, 1))

    return KnownInformation(f"1v1-checkerboard-{squares}", float(np.log(2)), draw)


def gamma_exponential(shape: float) -> KnownInformation:
    """x of a gamma law, y exponential with rate x: I = psi(shape + 1) - log shape.

    Example:
        >>> round(gamma_exponential(2.0).nats, 3)
        0.23
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.gamma(shape, 1.0, (n, 1))
        return x, rng.exponential(1.0, (n, 1)) / x

    return KnownInformation(
        f"1v1-gamma_exponential-{shape:g}", float(digamma(shape + 1) - np.log(shape)), draw
    )


def concentric(dims: int, classes: int) -> KnownInformation:
    """x normal round 0 with standard deviation 1, 2, ... by the class y: all of I(x; y) lies in the radius of x.

    I(radius; class) is integrated on a grid.
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        label = rng.integers(0, classes, (n, 1))
        return (1 + label) * rng.standard_normal((n, dims)), label.astype(np.float64)

    grid = np.linspace(1e-6, classes * (np.sqrt(dims) + 9), 20_001)
    constant = (dims / 2 - 1) * np.log(2) + log_gamma(dims / 2)
    scaled = grid / np.arange(1, classes + 1)[:, None]
    log_density = (dims - 1) * np.log(scaled) - scaled**2 / 2 - constant
    log_density -= np.log(np.arange(1, classes + 1))[:, None]
    marginal = np.logaddexp.reduce(log_density, axis=0) - np.log(classes)
    nats = (np.exp(log_density) * (log_density - marginal)).sum() * (grid[1] - grid[0]) / classes
    return KnownInformation(f"concentric-{dims}-1-{classes}", float(nats), draw)


def copies(known: KnownInformation, count: int) -> KnownInformation:
    """Independent copies of a distribution side by side: I = count * I of a copy."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        drawn = [known.draw(n, rng) for _ in range(count)]
        return np.hstack([x for x, _ in drawn]), np.hstack([y for _, y in drawn])

    return KnownInformation(f"copies-{count}-{known.name}", count * known.nats, draw)
