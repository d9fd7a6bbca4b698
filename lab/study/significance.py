"""What a few seeds can tell: interval and p-value of a mean, corrections for many tests, and how p is told."""

import math
from typing import Any, Final

import numpy as np
from scipy.stats import t

LEVELS: Final = (0.05, 0.01, 0.001)
MOST_ERRORS: Final = 13.0
"""Standard errors beyond which the p-value of a few seeds is told as "smaller than"."""


def two_level(values: np.ndarray, variances: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """Mean of one number per seed with its 95 % interval (mean, low, high), and the p-value of a mean of 0.

    Two things vary: which sentences were held out (`variances`, of each seed's number) and which seed
    trained the model (the spread of `values`, which holds the sentences' share too). The variance of the mean is
    V = max(s^2 / S, mean(variances) / S), s^2 the variance of the S values, and mean / sqrt(V) is compared with
    Student's t at S - 1 degrees of freedom.

    It assumes that seeds are independent and that what they add is about normal. Then the paired t test over seeds,
    V = s^2 / S, has its level exactly, and this p-value is never smaller: the floor keeps seeds that agree by chance
    from claiming more than their sentences can. The price is power where sentences dominate. Simulated sizes in per
    cent at the levels 5, 1, 5/6 and 0.1 %, seeds spreading 20 times as much as sentences: 4.1, 0.2, 0.1, 0.0 with
    three seeds and 5.0, 1.0, 0.8, 0.05 with five; as much as sentences: 0.1, 0, 0, 0 and 2.1, 0.04, 0.02, 0. More
    degrees of freedom (Satterthwaite's, even bounded by 2 (S - 1)) exceed the levels that Holm reads: 0.15 % at 0.1 %.
    One seed says nothing of other seeds: then the interval covers the sentences alone.

    Args:
        values: a number per seed in the last axis; further axes are further means.
        variances: of each number.

    >>> mean, low, high, p = two_level(np.array([0.30, 0.32, 0.31]), np.full(3, 1e-6))
    >>> f"{mean:.2f} [{low:.3f}, {high:.3f}] p = {p:.4f}"
    '0.31 [0.285, 0.335] p = 0.0003'
    """
    seeds = values.shape[-1]
    mean = values.mean(-1)
    between = values.var(-1, ddof=1) / seeds if seeds > 1 else 0.0
    error = np.sqrt(np.maximum(between, variances.mean(-1) / seeds))
    freedom = seeds - 1 if seeds > 1 else math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * t.sf(np.abs(mean) / error, freedom)
    # numbers without any spread differ from 0 or do not; a single one may be chance
    p = np.where(error == 0.0, np.where(mean == 0.0, 1.0, 0.0 if seeds > 1 else math.nan), p)[()]
    half = t.ppf(0.975, freedom) * error
    return mean, mean - half, mean + half, p


def smallest_p(seeds: int) -> float:
    """The smallest p-value that is told of so many seeds: 0.05 of two, 0.01 of three, 0.001 of four and more.

    Where S seeds agree by chance, p falls like the (S - 1)th power of their spread, and how often that happens is the
    normal law's claim, which a handful of seeds cannot check. So p is told down to the last of these levels that a
    mean of `MOST_ERRORS` standard errors reaches.

    >>> [smallest_p(seeds) for seeds in (2, 3, 4, 5)]
    [0.05, 0.01, 0.001, 0.001]
    """
    reached = 2 * float(t.sf(MOST_ERRORS, max(seeds, 2) - 1))
    return next((level for level in sorted(LEVELS) if level >= reached), max(LEVELS))


def stars(p: float, seeds: int) -> str:
    """Stars for a p-value of so many seeds; none for a level below the `smallest_p` that they carry.

    >>> stars(0.004, 3), stars(0.0004, 3), stars(0.0004, 5), stars(0.2, 3), stars(math.nan, 3)
    ('**', '**', '***', '', '')
    """
    if math.isnan(p):
        return ""
    return "*" * sum(p < level for level in LEVELS if level >= smallest_p(seeds))


def p_words(p: float, seeds: int) -> str:
    """A p-value as it is told: below the `smallest_p` that so many seeds carry only that it is below.

    >>> p_words(0.034, 3), p_words(0.0004, 3), p_words(0.0004, 5), p_words(math.nan, 3)
    ('0.034', '< 0.01', '< 0.001', '')
    """
    if math.isnan(p):
        return ""
    least = smallest_p(seeds)
    return f"< {least:g}" if p < least else f"{p:.3f}"


def holm(p: np.ndarray) -> np.ndarray:
    """P-values corrected for their number (Holm 1979): the i-th smallest of m times m - i + 1, never decreasing.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected
