"""Cross-entropies of masked tokens by meaning, and the limits of their mean."""

import math
from dataclasses import dataclass

import numpy as np

from lab.evaluate.ledger.limits import Limits, loss_limits


@dataclass(frozen=True)
class Reading:
    """Cross-entropies of masked tokens by meaning: their sum in nats, and the number of tokens."""

    meanings: np.ndarray
    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> float:
        """Cross-entropy in nats per token."""
        return float(self.sums.sum() / self.counts.sum())

    @property
    def error(self) -> float:
        """Standard error of the mean, over meanings."""
        return math.sqrt((self.residuals**2).sum())

    @property
    def residuals(self) -> np.ndarray:
        """Contribution of each meaning to the error of the mean; the sum of their squares is its variance."""
        size = len(self.sums)
        scale = math.sqrt(size / max(1, size - 1)) / self.counts.sum()
        return scale * (self.sums - self.mean * self.counts)

    def limits(self, guess: float) -> Limits:
        """Confidence limits of the mean over meanings; `guess` is the loss of one who knows token frequencies only.

        The loss added is that of the worst meaning, and at least that of a guess.
        """
        added = max(float(self.sums.max()), guess) / self.counts.sum()
        return loss_limits(self.mean, (self.residuals**2).sum(), added)


def difference_limits(mmlm: Reading, tlm: Reading, guess: float) -> tuple[float, float]:
    """95 % interval of the mean loss of one reading less that of another, of the same tokens, in nats."""
    mmlm_limits, tlm_limits = mmlm.limits(guess), tlm.limits(guess)
    spread = math.sqrt(float((mmlm.residuals**2).sum() * (tlm.residuals**2).sum()))
    correlation = float(mmlm.residuals @ tlm.residuals) / spread if spread else 0.0

    def joined(of_mmlm: float, of_tlm: float) -> float:
        return math.sqrt(max(0.0, of_mmlm**2 + of_tlm**2 - 2 * correlation * of_mmlm * of_tlm))

    value = mmlm.mean - tlm.mean
    below = joined(mmlm.mean - float(mmlm_limits.low), float(tlm_limits.high) - tlm.mean)
    above = joined(float(mmlm_limits.high) - mmlm.mean, tlm.mean - float(tlm_limits.low))
    return value - below, value + above
