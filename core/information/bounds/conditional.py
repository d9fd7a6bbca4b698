"""Bounds from a conditional density: a lower bound, which needs an entropy, and two upper bounds."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import InputError
from core.information.bounds.result import Bound, bound
from core.information.bounds.rows import Scores, log_row_means, rows_of


def barber_agakov(log_likelihood: Float[Tensor, " n"], entropy_nats: float) -> Bound:
    """Lower bound in nats from a decoder: the entropy of X minus its cross-entropy given Y.

    I(X; Y) >= H(X) + mean_i log q(x_i given y_i), ceiling H(X) for discrete X. The ledger's rows MMLM and TLM.

    Args:
        log_likelihood: log q(x_i given y_i) in nats of each sample.
        entropy_nats: H(X).

    Raises:
        InputError: the entropy is not finite, or there is no sample.

    Source: Barber and Agakov 2003; Poole et al. 2019 (1905.06922).

    Example:
        >>> round(float(barber_agakov(torch.full((3,), -math.log(2.0)), math.log(8.0))), 4)
        1.3863
    """
    if not math.isfinite(entropy_nats) or log_likelihood.numel() == 0:
        raise InputError(f"a finite entropy and one sample or more expected, got {entropy_nats} nats")
    return bound("barber_agakov", "lower bound", entropy_nats + log_likelihood, entropy_nats)


def club(scores: Scores) -> Bound:
    """Upper bound in nats from scores f_ij = log q(y_j given x_i), if q is the true conditional.

    I <= mean_i [ f_ii - mean_(j != i) f_ij ]. The paper's mean includes the diagonal, which lowers the value by 1 / n
    of it, and it can fall below I. With a fitted q the value is only an estimate.

    Source: Cheng et al. 2020 (2006.12013).

    Example:
        >>> float(club(torch.eye(2)))
        1.0
    """

    def row_sum(block: Tensor, is_negative: Tensor, at: slice) -> Tensor:
        return torch.where(is_negative, block, torch.zeros_like(block)).sum(1)

    rows = rows_of(scores, reduce=row_sum)
    return bound("club", "upper bound", rows.positive - rows.negatives / rows.num_negatives, None)


def leave_one_out(scores: Scores) -> Bound:
    """Upper bound in nats from known conditionals f_ij = log p(y_i given x_j), with row i for sample y_i.

    I <= mean_i [ f_ii - log mean_(j != i) exp f_ij ]: the marginal of y_i is estimated from the other x.

    Source: Poole et al. 2019 (1905.06922).

    Example:
        >>> float(leave_one_out(torch.zeros(3, 3)))
        0.0
    """
    rows = rows_of(scores)
    return bound("leave_one_out", "upper bound", rows.positive - log_row_means(rows), None)
