"""Bootstrap intervals of ratios of sums over units; the same units are drawn for everything that is compared."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.evaluate.intervals import LEVEL

RESAMPLES: Final = 1_000
BLOCK: Final = 100
"""Resamples that are multiplied at once."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; the ends are None where fewer than two units give one."""

    value: float
    low: float | None
    high: float | None


class Resamples:
    """Number of times each unit is drawn in each resample, with replacement (Efron 1979): a byte each."""

    def __init__(self, units: int, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self.units, rng = units, np.random.default_rng(seed)
        self.times = np.empty((resamples, units), dtype=np.uint8)
        for row in self.times:
            # no unit of two or more is drawn 256 times in as many draws as there are units
            row[:] = np.bincount(rng.integers(0, units, units), minlength=units)

    def ratios(self, totals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """sum(totals) / sum(weights) in each resample; NaN where it has no weight. Both [units]."""
        both = np.stack([totals, weights], axis=1).astype(np.float64)
        blocks = range(0, len(self.times), BLOCK)
        sums = np.concatenate([self.times[at : at + BLOCK].astype(np.float64) @ both for at in blocks])
        return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] != 0)


def percentile_interval(value: float, draws: np.ndarray) -> Interval:
    """The 95 % interval between quantiles of what the resamples give; NaN ones are left out."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return Interval(value, None, None)
    low, high = np.quantile(known, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(value, float(low), float(high))
