"""Labels beside numbers, numbers with atoms, rounded and copied numbers, functions without noise."""

import numpy as np

from core.information.estimators.typed_scipy import Array, log_gammas, normal_probabilities
from core.information.truth.distribution import KnownInformation, Map
from core.information.truth.labels import table_information

NORMAL_ENTROPY = 0.5 * np.log(2 * np.pi * np.e)
GRID = np.linspace(-9, 9, 3601)
"""Standard deviations at which normal densities are summed."""

MIDPOINTS = 200
"""Midpoints per standard deviation at which a rounded number is summed."""
FEWEST_MIDPOINTS = 4
"""Midpoints of a bin, however narrow."""


def gaussian_nats(correlation: float) -> float:
    """Information of two standard normal numbers."""
    return float(-0.5 * np.log1p(-(correlation**2)))


def _pair(n: int, correlation: float, rng: np.random.Generator) -> tuple[Array, Array]:
    x, noise = rng.standard_normal((2, n, 1))
    return x, correlation * x + np.sqrt(1 - correlation**2) * noise


def classes(kinds: int, apart: float, dims: int = 1, one_hot: bool = False) -> KnownInformation:
    """x an even label, y normal round `apart` times its number (in the first of `dims` columns).

    I = h(y) - h(noise), integrated on a grid.

    Example:
        >>> round(classes(4, 3.0).nats, 3), round(classes(2, 0.0).nats, 3)
        (1.137, 0.0)
    """
    grid = np.linspace(-9, apart * (kinds - 1) + 9, max(3601, 400 * kinds))
    centres = apart * np.arange(kinds)[:, None]
    density = np.exp(-((grid - centres) ** 2) / 2).mean(axis=0) / np.sqrt(2 * np.pi)
    entropy = -(density * np.log(density.clip(1e-300))).sum() * (grid[1] - grid[0])

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        label = rng.integers(0, kinds, n)
        y = rng.standard_normal((n, dims))
        y[:, 0] += apart * label
        return np.eye(kinds)[label] if one_hot else label[:, None].astype(np.float64), y

    shape = ("one_hot-" if one_hot else "") + (f"{dims}-" if dims > 1 else "")
    return KnownInformation(
        f"classes-{shape}{kinds}-{apart:g}", max(float(entropy - NORMAL_ENTROPY), 0.0), draw
    )


def widened(kinds: int) -> KnownInformation:
    """x a label 0, 1, ..., y uniform in (x, x + 2): log q - (q - 1) / q log 2. Source: Gao et al. 2017."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.integers(0, kinds, (n, 1)).astype(np.float64)
        return x, x + rng.uniform(0, 2, (n, 1))

    return KnownInformation(f"widened-{kinds}", float(np.log(kinds) - (kinds - 1) / kinds * np.log(2)), draw)


def gated(share: float, correlation: float, together: bool) -> KnownInformation:
    """Two correlated numbers, each set to 0 except in a `share` of the pairs; in the same pairs if `together`.

    I = H(gate) + share * I of the numbers if `together`, else share^2 * I of the numbers.
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, y = _pair(n, correlation, rng)
        of_x, of_y = rng.random((2, n, 1)) < share
        return np.where(of_x, x, 0.0), np.where(of_x if together else of_y, y, 0.0)

    nats = gaussian_nats(correlation) * (share if together else share**2)
    if together:
        nats -= share * np.log(share) + (1 - share) * np.log1p(-share)
    way = "together" if together else "apart"
    return KnownInformation(f"gated-{way}-{share:g}-{correlation:g}", float(nats), draw)


def inflated(zero: float) -> KnownInformation:
    """x exponential, y a Poisson count of mean x, or 0 in a share `zero` of the pairs; I is summed on a grid.

    The example is from Gao et al. 2017, whose closed form treats counted zeros and added zeros as known apart.
    """
    x = (np.arange(40_000) + 0.5) / 1000
    counts = np.arange(120.0)[:, None]
    given = (1 - zero) * np.exp(counts * np.log(x) - x - log_gammas(counts + 1))
    given[0] += zero
    weight = np.exp(-x) / np.exp(-x).sum()
    marginal = (given @ weight)[:, None]
    nats = (weight * given * np.log(given.clip(1e-300) / marginal.clip(1e-300))).sum()

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        rate = rng.exponential(1.0, (n, 1))
        return rate, np.where(rng.random((n, 1)) < zero, 0, rng.poisson(rate)).astype(np.float64)

    return KnownInformation(f"inflated-{zero:g}", float(nats), draw)


def clipped(correlation: float, limit: float) -> KnownInformation:
    """Two correlated numbers, x cut at +- limit, so that x has two atoms; I is integrated on a grid."""
    step = GRID[1] - GRID[0]
    normal = np.exp(-(GRID**2) / 2) / np.sqrt(2 * np.pi)
    spread = np.sqrt(1 - correlation**2)
    inside = normal[np.abs(GRID) < limit], GRID[np.abs(GRID) < limit]
    surprise = 0.5 * (spread**2 + (correlation * inside[1]) ** 2 - 1) - np.log(spread)
    beyond = normal_probabilities((correlation * GRID - limit) / spread)
    ratio = beyond / normal_probabilities(np.array([-limit]))
    nats = (inside[0] * surprise).sum() * step
    nats += 2 * (normal * beyond * np.log(ratio.clip(1e-300))).sum() * step

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, y = _pair(n, correlation, rng)
        return x.clip(-limit, limit), y

    return KnownInformation(f"clipped-{correlation:g}-{limit:g}", float(nats), draw)


def rounded(correlation: float, step: float) -> KnownInformation:
    """Two correlated numbers, both rounded to multiples of `step`; I is integrated on a grid.

    Example:
        >>> round(rounded(0.75, 0.1).nats, 2), round(rounded(0.75, 1.0).nats, 2)
        (0.41, 0.33)
    """
    starts = step * (np.arange(-np.ceil(8 / step), np.ceil(8 / step)) + 0.5)
    edges = np.append(starts, starts[-1] + step)
    spread, table = np.sqrt(1 - correlation**2), np.zeros((len(starts), len(starts)))
    count = max(FEWEST_MIDPOINTS, int(np.ceil(MIDPOINTS * step)))
    # one midpoint of every bin at a time: all at once would fill gigabytes where steps are small
    for within in (np.arange(count) + 0.5) / count:
        x = starts + step * within
        given = np.diff(normal_probabilities((edges - correlation * x[:, None]) / spread), axis=1)
        table += np.exp(-(x**2) / 2)[:, None] * given

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        a, b = _pair(n, correlation, rng)
        return np.round(a / step), np.round(b / step)

    return KnownInformation(f"rounded-{correlation:g}-{step:g}", table_information(table / table.sum()), draw)


def copied(correlation: float, share: float) -> KnownInformation:
    """Correlated numbers, where a share of the pairs are copies of other pairs, as a careless join makes them."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        fresh = max(1, round(n * (1 - share)))
        x, y = _pair(fresh, correlation, rng)
        rows = rng.permutation(np.concatenate([np.arange(fresh), rng.integers(0, fresh, n - fresh)]))
        return x[rows], y[rows]

    return KnownInformation(f"copied-{correlation:g}-{share:g}", gaussian_nats(correlation), draw)


def beside_constants(correlation: float) -> KnownInformation:
    """Correlated numbers, x between a column that never changes and a copy of itself."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x, y = _pair(n, correlation, rng)
        return np.hstack([np.ones((n, 1)), x, x]), y

    return KnownInformation(f"constants-{correlation:g}", gaussian_nats(correlation), draw)


def function(name: str, of_x: Map, nats: float = np.inf) -> KnownInformation:
    """y a function of a normal x without noise: infinite information, unless the function has few values."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.standard_normal((n, 1))
        return x, of_x(x)

    return KnownInformation(f"function-{name}", nats, draw)
