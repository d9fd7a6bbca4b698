"""InfoNCE as a loss: scores of candidates, of which one is the query's own."""

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

    loss = -log(exp(score of the own) / sum over candidates of exp(score)), ceiling log(candidates) (van den Oord et
    al. 2018). Candidates that the loss leaves out count in the bound: it needs negatives that are drawn whatever the
    query.

    Args:
        scores: of each candidate, divided by the temperature.
        positive: which candidate is the query's own.
        excluded: candidates that are no negatives; None where there are none.
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
    """The mean over the directions of the same pairs."""
    return Outcome(
        torch.stack([outcome.loss_sum for outcome in outcomes]).sum() / len(outcomes),
        outcomes[0].count,
        sum(outcome.ceiling_sum for outcome in outcomes) / len(outcomes),
        sum(outcome.left_out_sum for outcome in outcomes) / len(outcomes),
    )


def at_least_float32(vectors: Tensor) -> Tensor:
    """Vectors in float32 or wider: a large score that all candidates share leaves bfloat16 no digits for the rest."""
    return vectors.to(torch.promote_types(vectors.dtype, torch.float32))
