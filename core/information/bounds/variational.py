"""Bounds that subtract a partition function. They have no ceiling, but few pairs carry the mean of exp(f).

At the best critic r = exp(f) the variance of a single exp(f) is E_p[r] - 1 >= exp(I) - 1, for Gaussians exp(2 I) - 1.

Source: Song and Ermon 2020 (1910.06222).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import InputError
from core.information.bounds.result import Bound, bound
from core.information.bounds.rows import (
    Excluded,
    Positive,
    Scores,
    kind_of,
    log_mean,
    log_row_means,
    log_sums_without,
    rows_of,
)


def donsker_varadhan(scores: Scores, positive: Positive = None, excluded: Excluded = None) -> Bound:
    """Donsker-Varadhan estimate of I in nats: mean positive score minus the log of the mean exp(negative).

    I >= E[f] - log E[exp f], over positives and negatives. The log of a sample mean biases the value upwards, so it
    is no bound in expectation, and its kind is "estimate".

    Source: Donsker and Varadhan 1983; as a critic's loss Belghazi et al. 2018 (1801.04062).

    Example:
        >>> float(donsker_varadhan(torch.zeros(3, 3)))
        0.0
    """
    rows = rows_of(scores, positive, excluded)
    return bound("donsker_varadhan", "estimate", rows.positive - log_mean(rows), None)


@dataclass(frozen=True, eq=False)
class MineBound(Bound):
    """A Donsker-Varadhan value with the running log-mean for the next call."""

    log_running_mean: Float[Tensor, ""]


def mine(
    scores: Scores,
    log_running_mean: Float[Tensor, ""] | None = None,
    rate: float = 0.01,
    positive: Positive = None,
    excluded: Excluded = None,
) -> MineBound:
    """Donsker-Varadhan value whose `objective` has MINE's bias-corrected gradient.

    The gradient of log mean exp f is mean(exp f grad f) / mean(exp f), which is biased because both means come from
    the same batch. The objective divides by a running mean instead, m <- (1 - rate) m + rate mean exp f. Only the
    gradient is corrected, not the value.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        log_running_mean: that of the last result; None starts with the mean of this batch.
        rate: weight of this batch in the running mean, in (0, 1].
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Raises:
        InputError: rate is out of range.

    Source: Belghazi et al. 2018 (1801.04062).

    Example:
        >>> float(mine(torch.zeros(3, 3)).log_running_mean)
        0.0
    """
    if not 0 < rate <= 1:
        raise InputError(f"rate must lie in (0, 1], got {rate}")
    rows = rows_of(scores, positive, excluded)
    log_partition = log_mean(rows)
    now = log_partition.detach()
    running = now if log_running_mean is None else _blend(log_running_mean.detach(), now, rate)
    corrected = (log_partition - running).exp()
    objective = rows.positive.mean() - now - (corrected - corrected.detach())
    estimate = bound("mine", "estimate", rows.positive - log_partition, None, objective)
    return MineBound(estimate.name, estimate.kind, estimate.value, None, estimate.terms, objective, running)


def _blend(before: Tensor, now: Tensor, rate: float) -> Tensor:
    """log((1 - rate) exp(before) + rate exp(now))."""
    if rate == 1:
        return now
    return torch.logaddexp(before + math.log1p(-rate), now + math.log(rate))


def nwj(scores: Scores, positive: Positive = None, excluded: Excluded = None) -> Bound:
    """Lower bound in nats, unbiased for its critic: 1 + mean positive - mean exp(negative).

    I >= 1 + E[f] - E[exp f], tight at f = log p(y given x) / p(y): equal scores give 0 only if all are 0. The bound
    is also known as f-GAN-KL and often written with f - 1.

    Source: Poole et al. 2019 (1905.06922).

    Example:
        >>> float(nwj(torch.zeros(3, 3)))
        0.0
    """
    rows = rows_of(scores, positive, excluded)
    return bound("nwj", kind_of(excluded), 1 + rows.positive - log_mean(rows).exp(), None)


def tuba(
    scores: Scores, log_baseline: Float[Tensor, " n"], positive: Positive = None, excluded: Excluded = None
) -> Bound:
    """Lower bound in nats with a learned baseline a per query.

    I >= 1 + mean_i [ f_i+ - log a_i - mean_neg exp(f_ij) / a_i ]. With log a = 0 this is NWJ; the best log a_i is the
    log-mean of exp f_ij.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        log_baseline: log a of each query.
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Source: Poole et al. 2019 (1905.06922).

    Example:
        >>> float(tuba(torch.full((3, 3), 7.0), torch.full((3,), 7.0)))
        0.0
    """
    rows = rows_of(scores, positive, excluded)
    ratio = (log_row_means(rows) - log_baseline).exp()
    return bound("tuba", kind_of(excluded), 1 + rows.positive - log_baseline - ratio, None)


def interpolated(
    scores: Scores,
    log_baseline: Float[Tensor, " n"],
    alpha: float,
    positive: Positive = None,
    excluded: Excluded = None,
) -> Bound:
    """Lower bound in nats between TUBA (alpha = 0) and InfoNCE (alpha = 1).

    I >= 1 + mean_i [ mean_j (f_i+ - log b_ij) - mean_neg exp(f_ik) / b_i ], b = alpha m + (1 - alpha) a, where a is
    the learned baseline and m a mean of exp f over equally many scores in both terms. In b_ij the mean runs over the
    candidates without negative j, in b_i over the negatives, which are independent of their query. A mean over all
    candidates in b_ij would exceed I. Ceiling log(num_negatives / alpha) in expectation; a batch can exceed it by
    less than a nat.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        log_baseline: log a of each query.
        alpha: from 0, which is TUBA, to 1, which is InfoNCE.
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Raises:
        InputError: alpha is out of range.

    Source: Poole et al. 2019 (1905.06922), and the leave-one-out means of its code.

    Example:
        >>> round(float(interpolated(100 * torch.eye(5), torch.zeros(5), 1.0)), 4)
        1.3863
    """
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha must lie in [0, 1], got {alpha}")
    rows = rows_of(scores, positive, excluded)

    def joint(block: Tensor, is_negative: Tensor, at: slice) -> Tensor:
        """Mean over j of log b_ij for each row."""
        counts = is_negative.sum(1, keepdim=True).to(block.dtype)
        column = _positive_columns(positive, at, block)
        candidates = is_negative.scatter(1, column, True)
        means = log_sums_without(block, candidates) - counts.log()
        divided = _mixture(means, log_baseline[at, None], alpha)
        return torch.where(is_negative, divided, torch.zeros_like(divided)).sum(1) / counts[:, 0]

    divided = rows_of(scores, positive, excluded, joint).negatives
    negative = log_row_means(rows)
    terms = 1 + rows.positive - divided - (negative - _mixture(negative, log_baseline, alpha)).exp()
    ceiling = None if alpha == 0 else float(rows.num_negatives.log().mean()) - math.log(alpha)
    return bound("interpolated", kind_of(excluded), terms, ceiling)


def _positive_columns(positive: Positive, at: slice, block: Tensor) -> Tensor:
    """Column of each row's positive in a block, [rows, 1]."""
    columns = torch.arange(at.start, at.stop, device=block.device) if positive is None else positive[at]
    return columns[:, None]


def _mixture(log_mean: Tensor, log_baseline: Tensor, alpha: float) -> Tensor:
    """log(alpha exp(log_mean) + (1 - alpha) exp(log_baseline))."""
    if alpha in (0, 1):
        return log_mean if alpha == 1 else log_baseline.expand_as(log_mean)
    return torch.logaddexp(log_mean + math.log(alpha), log_baseline + math.log1p(-alpha))
