"""Cross-lingual contrast: what a sentence tells of its translation."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.config import ContrastSettings
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.processes import Deal
from core.text.batches import ContrastBatch


def xlco(model: InfoXLM, batch: ContrastBatch, deal: Deal | None = None) -> tuple[Outcome, Tensor, Tensor]:
    """Lower bound in nats on I(sentence; translation): InfoNCE over the pair's own key and the other candidates.

    bound = log(num_candidates) - loss, ceiling log(num_candidates), num_candidates = num_negatives + 1
    (van den Oord et al. 2018; Chi et al. 2021). Candidates are the queue and, with `in_batch`, the keys of the
    other pairs; those of the query's own meaning are left out.

    Args:
        model: with its queue, which is read but not changed.
        batch: aligned sentences and translations.
        deal: how the joint batch lies with processes; default: there is one.

    Returns:
        The outcome, and the keys and meanings to push when the loss is done.
    """
    contrast = model.settings.contrast
    queries, keys = model.queries(batch.queries), model.keys(batch.keys)
    outcome = contrast_outcome(model, queries, keys, batch.meanings, deal)
    if contrast.directions == "both":
        if model.key_encoder is None:
            back, forth = keys, queries
        else:
            back, forth = model.queries(batch.keys), model.keys(batch.queries)
        other = contrast_outcome(model, back, forth, batch.meanings, deal)
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
    deal: Deal | None = None,
) -> Outcome:
    """InfoNCE of queries against their own keys, the joint batch's other keys if wanted, and the queue."""
    contrast = model.settings.contrast
    deal = Deal(len(queries)) if deal is None else deal
    queued, queued_meanings = model.queue.candidates()
    if contrast.in_batch:
        near = deal.gather(keys)
        scores = queries @ torch.cat([near, queued.to(near.dtype)]).T
        others = torch.cat([deal.gather(meanings), queued_meanings])
        positive = deal.places().to(queries.device)
    else:
        scores = torch.cat(
            [(queries * keys).sum(-1, keepdim=True), queries @ queued.to(queries.dtype).T], dim=1
        )
        others = torch.cat([queued_meanings.new_full((1,), -1), queued_meanings])
        positive = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
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
