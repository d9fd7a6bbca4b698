"""Confidence limits of a mean loss that stay honest near 0, where a bootstrap collapses to a point.

A loss is never negative, and near the ceiling of a bound its mean hangs on few large ones, of which a small sample has
none. So the limits are those of a sum of rare losses (a gamma distribution with the mean and variance seen), and the
upper one is taken after one bad loss is added: Fay and Feuer's (1997) rule, the twin of Clopper and Pearson's for
shares in `lab.evaluate.intervals`.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv
from scipy.stats import norm

TWO_SIDED: Final = 0.95
ONE_SIDED: Final = 0.95
NORMAL: Final = float(norm.ppf((1 + TWO_SIDED) / 2))
ONE_SIDED_NORMAL: Final = float(norm.ppf(ONE_SIDED))
"""Standard errors from a normal mean to the end of its interval, and to its one-sided limit."""


NO_SPREAD: Final = 1e-24
"""Variance over squared mean below which a number is certain, as far as double precision tells."""


class Limits(NamedTuple):
    """Limits of a mean: the ends of its 95 % interval, and the value it stays below with 95 % confidence, one-sided."""

    low: np.ndarray
    high: np.ndarray
    most: np.ndarray


def loss_limits(mean: ArrayLike, variance: ArrayLike, added: ArrayLike) -> Limits:
    """Limits of a mean of losses, element by element.

    Args:
        mean: from 0.
        variance: of the mean.
        added: what one bad loss more would add to the mean: the loss over the number of losses.

    >>> low, high, most = loss_limits(0.0, 0.0, 5.0 / 500)
    >>> f"[{low:.3f}, {high:.3f}], below {most:.3f}"
    '[0.000, 0.037], below 0.030'
    """
    mean, variance, added = np.broadcast_arrays(
        *(np.asarray(array, np.float64) for array in (mean, variance, added))
    )
    raised, widened = mean + added, variance + added**2
    return Limits(
        _gamma_quantile((1 - TWO_SIDED) / 2, mean, variance),
        _gamma_quantile((1 + TWO_SIDED) / 2, raised, widened),
        _gamma_quantile(ONE_SIDED, raised, widened),
    )


def _gamma_quantile(level: float, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Quantile of the gamma distribution with this mean and variance; without variance it lies at the mean."""
    spread = variance > NO_SPREAD * mean**2
    shape = np.divide(mean**2, variance, out=np.ones_like(mean), where=spread)
    return np.where(spread, gammaincinv(shape, level) * mean / shape, mean)
