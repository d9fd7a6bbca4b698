"""InfoNCE as a loss on the scores of candidates, one of which is the query's own key."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.objectives.outcome import Outcome


def infonce_outcome(
    scores: Float[Tensor, "pairs candidates"],
    positive: Int[Tensor, " pairs"],
    excluded: Bool[Tensor, "pairs candidates"] | None,
) -> Outcome:
    """The loss behind `core.information.bounds.infonce`, by the fused cross-entropy of torch.

    loss = -log(exp(score of the positive) / sum over candidates of exp(score)), ceiling log(candidates) (van den Oord
    et al. 2018). Candidates that the loss leaves out still count in the bound, because the bound needs negatives that
    are drawn independently of the query.

    Args:
        scores: of each candidate, divided by the temperature.
        positive: column of the query's own key.
        excluded: True for candidates that are no negatives; None where all are.

    Returns:
        Sums over the pairs, in nats.
    """
    count, candidates = scores.shape
    ceiling = count * torch.tensor(float(candidates)).log().item()
    if excluded is None:
        return Outcome(cross_entropy(scores, positive, reduction="sum"), count, ceiling)
    excluded = excluded.scatter(1, positive[:, None], False)
    negatives = scores.masked_fill(excluded, -torch.inf)
    loss = cross_entropy(negatives, positive, reduction="sum")
    with torch.no_grad():
        rows = excluded.any(1)
        added = cross_entropy(scores[rows], positive[rows], reduction="sum")
        left_out = float(added - cross_entropy(negatives[rows], positive[rows], reduction="sum"))
    return Outcome(loss, count, ceiling, left_out)


def mean_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """The mean of the outcomes of several directions of the same pairs."""
    return Outcome(
        torch.stack([outcome.loss_sum for outcome in outcomes]).sum() / len(outcomes),
        outcomes[0].count,
        sum(outcome.ceiling_sum for outcome in outcomes) / len(outcomes),
        sum(outcome.left_out_sum for outcome in outcomes) / len(outcomes),
    )


def at_least_float32(vectors: Tensor) -> Tensor:
    """Vectors in float32 or wider, because a large score common to all candidates leaves bfloat16 no digits."""
    return vectors.to(torch.promote_types(vectors.dtype, torch.float32))
