"""The standard error of a bound by leaving out pairs, with their rows and columns."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import InputError
from core.information.bounds.result import Bound


def standard_error(
    scores: Float[Tensor, "n n"], bound: Callable[[Tensor], Bound], num_blocks: int = 40, seed: int = 0
) -> float:
    """Standard error in nats of bound(scores), by the block jackknife over pairs.

    SE^2 = (B - 1) / B sum_b (v_b - mean v)^2, where v_b leaves out block b, rows and columns together. A bootstrap
    over terms would treat the negatives as fixed; a bootstrap over pairs would turn the duplicates that it draws into
    false negatives. The error covers the sampling of pairs, not how far the critic is from the best critic.

    Args:
        scores: the pairs' scores, positives on the diagonal.
        bound: maps scores to a bound, such as `infonce`.
        num_blocks: number B of blocks, at most the number of pairs.
        seed: of the random blocks.

    Raises:
        InputError: there are fewer than 4 pairs.

    Example:
        >>> from core.information.bounds import infonce
        >>> standard_error(torch.zeros(8, 8), infonce)
        0.0
    """
    num_pairs = scores.shape[0]
    if num_pairs < 4:
        raise InputError(f"a jackknife needs 4 pairs or more, got {num_pairs}: use more samples")
    blocks = min(num_blocks, num_pairs)
    order = torch.randperm(num_pairs, generator=torch.Generator().manual_seed(seed))
    label = (torch.arange(num_pairs) * blocks // num_pairs)[order.argsort()].to(scores.device)
    with torch.no_grad():
        values = [float(bound(scores[label != b][:, label != b])) for b in range(blocks)]
    mean = sum(values) / blocks
    return math.sqrt((blocks - 1) / blocks * sum((value - mean) ** 2 for value in values))
