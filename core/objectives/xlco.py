"""Cross-lingual contrast: what a sentence tells of its translation."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.config import ContrastSettings
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.processes import Shard
from core.text.batches import ContrastBatch


def xlco(model: InfoXLM, batch: ContrastBatch, deal: Shard | None = None) -> tuple[Outcome, Tensor, Tensor]:
    """Lower bound in nats on I(sentence; translation): InfoNCE over the pair's own key and the other candidates.

    bound = log(num_candidates) - loss, ceiling log(num_candidates), num_candidates = num_negatives + 1
    (van den Oord et al. 2018; Chi et al. 2021). Candidates are the queue and, with `in_batch`, the keys of the
    other pairs; those of the query's own meaning are left out of the loss and counted in the bound. It bounds if the
    other candidates are independent draws from the marginal of translations and one function scores all. A queue
    holds keys of older encoders, so in training that is only nearly so; the ledger measures on fresh draws, with one
    encoder.

    Args:
        model: with its queue, which is read but not changed.
        batch: aligned sentences and translations.
        deal: how the joint batch lies with processes; default: there is one.

    Returns:
        The outcome, and the keys and meanings to push when the loss is done.
    """
    vectors = encoded(model, batch)
    outcomes = [
        contrast_outcome(model, queries, keys, batch.meanings, deal)
        for queries, keys in directions(model.settings.contrast, vectors)
    ]
    return mean_outcome(outcomes), vectors[1].detach(), batch.meanings


def encoded(model: InfoXLM, batch: ContrastBatch) -> tuple[Float[Tensor, "pairs hidden"], ...]:
    """Queries and keys; then those of the other direction, where it is contrasted and another encoder makes keys."""
    forth = model.queries(batch.queries), model.keys(batch.keys)
    if model.settings.contrast.directions == "one" or model.key_encoder is None:
        return forth
    return *forth, model.queries(batch.keys), model.keys(batch.queries)


def directions(contrast: ContrastSettings, vectors: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor]]:
    """The queries and keys of each direction, of the vectors that `encoded` returns."""
    if contrast.directions == "one":
        return [(vectors[0], vectors[1])]
    # with one encoder a key is its own query
    back = vectors[-2:] if len(vectors) == 4 else vectors[::-1]
    return [(vectors[0], vectors[1]), (back[0], back[1])]


def contrast_outcome(
    model: InfoXLM,
    queries: Float[Tensor, "pairs hidden"],
    keys: Float[Tensor, "pairs hidden"],
    meanings: Int[Tensor, " pairs"],
    deal: Shard | None = None,
) -> Outcome:
    """InfoNCE of queries against their own keys, the joint batch's other keys if wanted, and the queue."""
    contrast = model.settings.contrast
    queries, keys = wide(queries), wide(keys)
    if contrast.in_batch:
        deal = Shard(len(queries)) if deal is None else deal
        return outcome_among(
            model, queries, meanings, deal.gather(keys), deal.gather(meanings), deal.indices()
        )
    queued, queued_meanings = model.queue.candidates()
    with torch.autocast(queries.device.type, enabled=False):
        scores = torch.cat(
            [(queries * keys).sum(-1, keepdim=True), queries @ queued.to(queries.dtype).T], dim=1
        )
    others = torch.cat([queued_meanings.new_full((1,), -1), queued_meanings])
    positive = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    return infonce_outcome(scores / contrast.temperature, positive, _same(contrast, meanings, others))


def outcome_among(
    model: InfoXLM,
    queries: Float[Tensor, "pairs hidden"],
    meanings: Int[Tensor, " pairs"],
    joint_keys: Float[Tensor, "joint hidden"],
    joint_meanings: Int[Tensor, " joint"],
    places: Int[Tensor, " pairs"],
) -> Outcome:
    """InfoNCE of queries against the keys of the joint batch, where their own stand at `places`, and the queue."""
    contrast = model.settings.contrast
    queued, queued_meanings = model.queue.candidates()
    with torch.autocast(queries.device.type, enabled=False):
        scores = queries @ torch.cat([joint_keys, queued.to(joint_keys.dtype)]).T
    others = torch.cat([joint_meanings, queued_meanings])
    return infonce_outcome(
        scores / contrast.temperature, places.to(queries.device), _same(contrast, meanings, others)
    )


def wide(vectors: Tensor) -> Tensor:
    """Vectors in float32 at least: a large score that all candidates share leaves bfloat16 no digits for the rest."""
    return vectors.to(torch.promote_types(vectors.dtype, torch.float32))


def _same(
    contrast: ContrastSettings, meanings: Tensor, others: Tensor
) -> Bool[Tensor, "pairs candidates"] | None:
    return meanings[:, None] == others if contrast.exclude_same_meaning else None


def infonce_outcome(
    scores: Float[Tensor, "pairs candidates"],
    positive: Int[Tensor, " pairs"],
    excluded: Bool[Tensor, "pairs candidates"] | None,
) -> Outcome:
    """The loss behind `core.information.bounds.infonce`, by the fused cross-entropy of torch.

    Candidates left out of the loss count in the bound: it needs negatives that are drawn whatever the query.
    """
    count, candidates = scores.shape
    headroom = count * torch.tensor(float(candidates)).log().item()
    if excluded is None:
        return Outcome(cross_entropy(scores, positive, reduction="sum"), count, headroom)
    excluded = excluded.scatter(1, positive[:, None], False)
    kept = scores.masked_fill(excluded, -torch.inf)
    loss = cross_entropy(kept, positive, reduction="sum")
    with torch.no_grad():
        rows = excluded.any(1)
        added = cross_entropy(scores[rows], positive[rows], reduction="sum")
        left_out = float(added - cross_entropy(kept[rows], positive[rows], reduction="sum"))
    return Outcome(loss, count, headroom, left_out)


def mean_outcome(outcomes: list[Outcome]) -> Outcome:
    """The mean over the directions of the same pairs."""
    return Outcome(
        torch.stack([outcome.loss_sum for outcome in outcomes]).sum() / len(outcomes),
        outcomes[0].count,
        sum(outcome.ceiling_sum for outcome in outcomes) / len(outcomes),
        sum(outcome.left_out_sum for outcome in outcomes) / len(outcomes),
    )
