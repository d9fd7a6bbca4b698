"""Cross-lingual contrast: what a sentence tells of its translation."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.config import ContrastSettings
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.text.batches import ContrastBatch

Gather = Callable[[Tensor], Tensor]


def xlco(
    model: InfoXLM, batch: ContrastBatch, gather: Gather | None = None
) -> tuple[Outcome, Tensor, Tensor]:
    """Lower bound in nats on I(sentence; translation): InfoNCE over the pair's own key and the other candidates.

    bound = log(num_candidates) - loss, ceiling log(num_candidates), num_candidates = num_negatives + 1
    (van den Oord et al. 2018; Chi et al. 2021). Candidates are the queue and, with `in_batch`, the keys of the
    other pairs; those of the query's own meaning are left out.

    Args:
        model: with its queue, which is read but not changed.
        batch: aligned sentences and translations.
        gather: concatenates a tensor over all processes, own rows first; default: one process.

    Returns:
        The outcome, and the keys and meanings to push when the step is done.
    """
    contrast = model.settings.contrast
    queries, keys = model.queries(batch.queries), model.keys(batch.keys)
    outcome = contrast_outcome(model, queries, keys, batch.meanings, gather)
    if contrast.directions == "both":
        if model.key_encoder is None:
            back, forth = keys, queries
        else:
            back, forth = model.queries(batch.keys), model.keys(batch.queries)
        other = contrast_outcome(model, back, forth, batch.meanings, gather)
        outcome = Outcome(
            (outcome.loss_sum + other.loss_sum) / 2,
            outcome.count,
            (outcome.headroom_sum + other.headroom_sum) / 2,
        )
    return outcome, keys.detach(), batch.meanings


def contrast_outcome(
    model: InfoXLM,
    queries: Float[Tensor, "pairs hidden"],
    keys: Float[Tensor, "pairs hidden"],
    meanings: Int[Tensor, " pairs"],
    gather: Gather | None = None,
) -> Outcome:
    """InfoNCE of queries against their own keys, the batch's other keys if wanted, and the queue."""
    contrast = model.settings.contrast
    queued, queued_meanings = model.queue.candidates()
    positive = torch.arange(len(queries), device=queries.device)
    if contrast.in_batch:
        near = keys if gather is None else gather(keys)
        near_meanings = meanings if gather is None else gather(meanings)
        scores = queries @ torch.cat([near, queued.to(near.dtype)]).T
        others = torch.cat([near_meanings, queued_meanings])
    else:
        scores = torch.cat(
            [(queries * keys).sum(-1, keepdim=True), queries @ queued.to(queries.dtype).T], dim=1
        )
        others = torch.cat([queued_meanings.new_full((1,), -1), queued_meanings])
        positive = torch.zeros_like(positive)
    return infonce_outcome(scores.float() / contrast.temperature, positive, _same(contrast, meanings, others))


def _same(
    contrast: ContrastSettings, meanings: Tensor, others: Tensor
) -> Bool[Tensor, "pairs candidates"] | None:
    return meanings[:, None] == others if contrast.exclude_same_meaning else None


def infonce_outcome(
    scores: Float[Tensor, "pairs candidates"],
    positive: Int[Tensor, " pairs"],
    excluded: Bool[Tensor, "pairs candidates"] | None,
) -> Outcome:
    """The loss behind `core.information.bounds.infonce`, by the fused cross-entropy of torch."""
    count, candidates = scores.shape
    headroom = count * torch.tensor(float(candidates)).log().item()
    if excluded is not None:
        excluded = excluded.scatter(1, positive[:, None], False)
        scores = scores.masked_fill(excluded, -torch.inf)
        headroom = float((candidates - excluded.sum(1)).double().log().sum())
    return Outcome(cross_entropy(scores, positive, reduction="sum"), count, headroom)
