"""95 % intervals of shares that stay honest at 0 and 1, where a bootstrap collapses to a point.

Clopper and Pearson's rule, written for means: the lower limit is a quantile of the data with one failure added, the
upper limit one of the data with one success added. For a share of independent trials it is theirs exactly, and covers
the truth at least as often as it says. For a mean over several shares of the same sentences, the trials are sentences
with weights, the effective number of trials follows from how they spread (Korn and Graubard, 1998), and what is added
is a sentence of the largest weight (Fay and Feuer, 1997). Their coverage over the whole range: tests of this module.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

LEVEL: Final = 0.95
ROUNDING: Final = 1e-12


def binomial_interval(hits: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Clopper and Pearson's 95 % interval for the share `hits / trials`, element by element: low, high.

    Hits may be fractional, as ties are. No trials leave everything open: [0, 1].

    >>> low, high = binomial_interval(6, 6)
    >>> f"[{low:.2f}, {high:.2f}]"
    '[0.54, 1.00]'
    """
    hits, trials = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(trials, np.float64))
    misses = trials - hits
    low = _beta_quantile((1 - LEVEL) / 2, hits, misses + 1)
    high = _beta_quantile((1 + LEVEL) / 2, hits + 1, misses)
    return low, high


def share_interval(
    totals: ArrayLike, weights: ArrayLike = 1.0, added: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval for the share `sum(totals) / sum(weights)` over independent units: low, high.

    A unit, such as a meaning, counts with all that depends on it: each of its questions has a weight, `weights` holds
    their sum and `totals` the sum over those answered right. Equal weights and totals that are right or wrong give
    `binomial_interval`.

    Args:
        totals: [..., units], from 0 to the unit's weight.
        weights: the same shape, or one that broadcasts to it; 0 where a unit has no question.
        added: weight of the unit that is added. Default: the largest, since the few sentences of a small direction may
            all differ from the many of others. Where heavy units are drawn like light ones, as sentences with more or
            fewer paraphrases are, `typical_weight` is enough.

    >>> low, high = share_interval([1, 1, 1, 1, 1, 1])
    >>> f"[{low:.2f}, {high:.2f}]"
    '[0.54, 1.00]'
    """
    totals, weights = np.broadcast_arrays(np.asarray(totals, np.float64), np.asarray(weights, np.float64))
    more = np.asarray(weights.max(axis=-1, initial=0.0) if added is None else added, np.float64)
    low = _beta_quantile((1 - LEVEL) / 2, *_effective_counts(totals, weights, more, 0.0))
    high = _beta_quantile((1 + LEVEL) / 2, *_effective_counts(totals, weights, more, 1.0))
    return low, high


def typical_weight(weights: np.ndarray) -> np.ndarray:
    """Average weight of the unit of a question, sum(w^2) / sum(w); 0 without questions.

    >>> float(typical_weight(np.array([1, 1, 2])))
    1.5
    """
    total = weights.sum(axis=-1)
    return np.divide((weights**2).sum(axis=-1), total, out=np.zeros(total.shape), where=total > 0)


def _effective_counts(
    totals: np.ndarray, weights: np.ndarray, more: np.ndarray, right: float
) -> tuple[np.ndarray, np.ndarray]:
    """Hits and misses of equal trials that tell as much as the units with one `more`, a hit or a miss."""
    weight = weights.sum(axis=-1) + more
    share = np.divide(
        totals.sum(axis=-1) + right * more, weight, out=np.full_like(weight, right), where=weight > 0
    )
    # a sum of weights that is all right, or all wrong, up to rounding
    share = np.where(np.abs(share - np.round(share)) < ROUNDING, np.round(share), share)
    spread = ((totals - share[..., None] * weights) ** 2).sum(axis=-1) + ((right - share) * more) ** 2
    open_share = share * (1 - share)
    trials = np.divide(
        open_share * weight**2, spread, out=np.ones_like(weight), where=(open_share > 0) & (spread > 0)
    )
    return trials * share, trials * (1 - share)


def _beta_quantile(level: float, hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Quantile of the beta distribution: 0 without hits, 1 without misses."""
    inside = (hits > 0) & (misses > 0)
    quantile = betaincinv(np.where(inside, hits, 1.0), np.where(inside, misses, 1.0), level)
    return np.where(inside, quantile, np.where(hits > 0, 1.0, 0.0))
