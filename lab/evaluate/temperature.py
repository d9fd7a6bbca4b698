"""The temperature with the tightest InfoNCE bound."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor


def fitted_scale(parts: Sequence[tuple[float, Tensor, float]], middle: float = 0.0) -> float:
    """The factor on scores, 1 / temperature, with the smallest InfoNCE loss.

    Args:
        parts: share in the mean, scores [queries, candidates] with the translation of query i at candidate i, and the
            logarithm of how many negatives each negative stands for.
        middle: logarithm of the factor around which is searched, 4 to both sides.
    """

    def loss(log_scale: float) -> float:
        factor = math.exp(log_scale)
        return sum(
            share * float(infonce_loss(scores * factor, stands_for)) for share, scores, stands_for in parts
        )

    best: Any = minimize_scalar(
        loss, bounds=(middle - 4, middle + 4), method="bounded", options={"xatol": 0.01}
    )
    return math.exp(float(best.x))


def infonce_loss(scores: Tensor, stands_for: float = 0.0) -> Tensor:
    """Mean loss in nats of finding candidate i for query i, where each negative stands for exp(`stands_for`)."""
    positive = scores.diagonal()
    others = scores.clone().fill_diagonal_(-torch.inf)
    return (torch.logaddexp(positive, others.logsumexp(1) + stands_for) - positive).mean()
