"""Bounds from telling the positive among candidates; their ceiling is log(candidates)."""

import math

import torch
from torch import Tensor

from core.errors import InputError
from core.information.bounds.result import Bound, bound
from core.information.bounds.rows import Excluded, Positive, RowScores, Scores, kind_of, rows_of


def infonce(
    scores: Scores, positive: Positive = None, excluded: Excluded = None, include_positive: bool = True
) -> Bound:
    """Lower bound on I(query; key) in nats from telling the positive among the candidates.

    I >= mean_i [ log c_i + f_i+ - log sum_j exp f_ij ], with c_i = num_candidates = num_negatives + 1.
    Ceiling log(num_candidates), however good the critic. The value is a bound if the negatives are independent draws
    from the marginal of keys and one critic scores all; with `excluded` candidates it is only an estimate.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count, such as translations of the same meaning.
        include_positive: False leaves the positive out of the denominator: mean_i [ f_i+ - log mean_neg exp f_ij ],
            an estimate without ceiling.

    Raises:
        InputError: scores are integers or not finite, or there is a single candidate.

    Source: van den Oord et al. 2018 (1807.03748).

    Example:
        >>> float(infonce(torch.zeros(4, 4)))
        0.0
        >>> round(float(infonce(100 * torch.eye(4))), 4), round(math.log(4), 4)
        (1.3863, 1.3863)
    """
    rows = rows_of(scores, positive, excluded)
    if not include_positive:
        terms = rows.positive - rows.negatives + rows.num_negatives.log()
        return bound("infonce", "estimate", terms, None)
    candidates = (rows.num_negatives + 1).log()
    terms = candidates + rows.positive - torch.logaddexp(rows.positive, rows.negatives)
    return bound("infonce", kind_of(excluded), terms, float(candidates.mean()))


def mlcpc(
    scores: Scores, alpha: float | None = None, positive: Positive = None, excluded: Excluded = None
) -> Bound:
    """Lower bound in nats from telling all n positives at once among all n x m scores (ML-CPC).

    I >= mean_i f_i+ - log[ (alpha sum_i exp f_i+ + w sum_neg exp f_ij) / (n m) ], where the weight
    w = (n m - n alpha) / (n m - n) keeps the weights' sum at n m. Ceiling log(m / alpha).

    Args:
        scores: n queries by m candidates, or `Blocks`.
        alpha: weight of the positives, at most 1. The default m / (n (m - 1) + 1) is the smallest that still gives a
            bound, with ceiling log(n (m - 1) + 1).
        positive: column of the positive of each row; default: column i.
        excluded: True for candidates that must not count.

    Raises:
        InputError: alpha is out of range.

    Source: Song and Ermon 2020 (2007.09852).

    Example:
        >>> result = mlcpc(100 * torch.eye(4))
        >>> round(float(result), 3), round(result.ceiling or 0, 3), round(math.log(4 * 3 + 1), 3)
        (2.565, 2.565, 2.565)
    """
    rows = rows_of(scores, positive, excluded)
    num_queries, num_negatives = rows.positive.shape[0], float(rows.num_negatives.sum())
    total = num_queries + num_negatives
    smallest = total / (num_queries * (num_negatives + 1))
    weight = smallest if alpha is None else alpha
    if not smallest <= weight * (1 + 1e-12) <= 1 + 1e-9:
        raise InputError(f"alpha must lie in [{smallest:.6g}, 1] for this many scores, got {weight}")
    terms = rows.positive + math.log(total) - _weighted_sum(rows, weight, total)
    return bound("mlcpc", kind_of(excluded), terms, math.log(total / (num_queries * weight)))


def _weighted_sum(rows: RowScores, alpha: float, total: float) -> Tensor:
    num_queries = rows.positive.shape[0]
    rest = (total - num_queries * alpha) / (total - num_queries)
    positives = rows.positive.logsumexp(0) + math.log(alpha)
    return torch.logaddexp(positives, rows.negatives.logsumexp(0) + math.log(rest))
