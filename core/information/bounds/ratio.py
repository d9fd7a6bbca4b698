"""Bounds and estimates from a critic that learned the log density ratio by another loss."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from core.errors import InputError
from core.information.bounds.result import Bound, bound
from core.information.bounds.rows import (
    Excluded,
    Positive,
    Scores,
    kind_of,
    log_mean,
    log_row_means,
    log_sum_exp,
    rows_of,
)


def _softplus_sum(scores: Tensor, is_negative: Tensor, rows: slice) -> Tensor:
    return torch.where(is_negative, softplus(scores), torch.zeros_like(scores)).sum(1)


def _jensen_shannon_objective(scores: Scores, positive: Positive, excluded: Excluded) -> Tensor:
    rows = rows_of(scores, positive, excluded, _softplus_sum)
    return -softplus(-rows.positive).mean() - rows.negatives.sum() / rows.num_negatives.sum()


def jensen_shannon(scores: Scores, positive: Positive = None, excluded: Excluded = None) -> Bound:
    """Lower bound in nats: the value of NWJ at a critic that is trained with the stable Jensen-Shannon loss.

    I >= 1 + E[f] - E[exp f], over positives and negatives. The `objective`, E[-softplus(-f)] - E[softplus(f)], is the
    log-likelihood of telling positives from negatives; at its optimum, the log density ratio, the bound is tight.

    Source: Poole et al. 2019 (1905.06922).

    Example:
        >>> result = jensen_shannon(torch.zeros(3, 3))
        >>> float(result), round(float(result.objective), 4)
        (0.0, -1.3863)
    """
    rows = rows_of(scores, positive, excluded)
    objective = _jensen_shannon_objective(scores, positive, excluded)
    terms = 1 + rows.positive - log_mean(rows).exp()
    return bound("jensen_shannon", kind_of(excluded), terms, None, objective)


def smile(scores: Scores, clip: float = 5.0, positive: Positive = None, excluded: Excluded = None) -> Bound:
    """Donsker-Varadhan estimate in nats with the negatives' scores clipped to [-clip, clip].

    E[f] - log E[exp clip(f)], over positives and negatives. The variance is low and the clip sets the bias. The value
    is no bound, as clipping can lower the second term. The `objective` is that of `jensen_shannon`, because clipped
    scores have no gradient.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        clip: largest absolute score of a negative, in nats.
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Raises:
        InputError: clip is not positive.

    Source: Song and Ermon 2020 (1910.06222).

    Example:
        >>> round(float(smile(100 * torch.eye(4))), 4)
        100.0
    """
    if not clip > 0:
        raise InputError(f"clip must be positive, got {clip}")

    def clipped(block: Tensor, is_negative: Tensor, at: slice) -> Tensor:
        return log_sum_exp(block.clamp(-clip, clip), is_negative)

    rows = rows_of(scores, positive, excluded, clipped)
    objective = _jensen_shannon_objective(scores, positive, excluded)
    return bound("smile", "estimate", rows.positive - log_mean(rows), None, objective)


def flo(
    scores: Scores, log_normaliser: Float[Tensor, " n"], positive: Positive = None, excluded: Excluded = None
) -> Bound:
    """Lower bound in nats whose second head u learns each pair's normaliser (Fenchel-Legendre).

    I >= 1 - mean_i [ u_i + exp(-u_i) mean_neg exp(f_ij - f_i+) ], tight where u_i = log mean_neg exp(f_ij - f_i+),
    which at the best critic is minus the log density ratio.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        log_normaliser: u of each pair.
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Source: Guo et al. 2022 (2107.01131).

    Example:
        >>> float(flo(torch.full((3, 3), 2.0), torch.zeros(3)))
        0.0
    """
    rows = rows_of(scores, positive, excluded)
    contrast = log_row_means(rows) - rows.positive
    return bound("flo", kind_of(excluded), 1 - log_normaliser - (contrast - log_normaliser).exp(), None)
