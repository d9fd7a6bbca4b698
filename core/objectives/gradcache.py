"""The contrast of a step that is cut into micro-batches: that of the whole batch, in the memory of one micro-batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor

from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.objectives.xlco import directions, encoded, mean_outcome, outcome_among, wide, xlco
from core.processes import Shard
from core.text.batches import ContrastBatch


def contrast_in_parts(
    model: InfoXLM, batches: Sequence[ContrastBatch], deals: Sequence[Shard], seed: Callable[[int], None]
) -> Iterator[tuple[Outcome, Tensor, Tensor]]:
    """Outcome, keys and meanings of each micro-batch in turn, as `xlco` returns them for the whole batch.

    Where the keys of the batch are candidates, all micro-batches are encoded without graph, the loss of the joint
    batch gives a gradient for each vector, and each micro-batch is encoded again, with graph, to carry its gradients
    back: the gradient is exact and every sentence is encoded twice (GradCache; Gao et al. 2021).

    Args:
        model: with its queue, which must not change until the last micro-batch is done.
        batches: this process's micro-batches.
        deals: how the pairs of each lie with processes.
        seed: makes dropout repeat; called with the number of a micro-batch before each of its two passes.
    """
    if len(batches) == 1 or not model.settings.contrast.in_batch:
        yield from (xlco(model, batch, deal) for batch, deal in zip(batches, deals, strict=True))
        return
    cached: list[tuple[Tensor, ...]] = []
    for number, batch in enumerate(batches):
        seed(number)
        with torch.no_grad():
            cached.append(encoded(model, batch))
    # older torch keeps what autocast has cast without graph, and the weights get no gradient (pytorch issue 158232)
    torch.clear_autocast_cache()
    with torch.autocast(batches[0].meanings.device.type, enabled=False):
        outcomes = _joint_outcomes(model, cached, [batch.meanings for batch in batches], deals)
    for number, batch in enumerate(batches):
        seed(number)
        outcome = outcomes[number]
        loss = _carried(outcome.loss_sum, encoded(model, batch), cached[number])
        yield replace(outcome, loss_sum=loss), cached[number][1].detach(), batch.meanings


def _joint_outcomes(
    model: InfoXLM,
    cached: Sequence[tuple[Tensor, ...]],
    meanings: Sequence[Tensor],
    deals: Sequence[Shard],
) -> list[Outcome]:
    """The outcome of each micro-batch among the keys of all; leaves every cached vector with its gradient."""
    contrast = model.settings.contrast
    leaves = [tuple(vectors.requires_grad_() for vectors in each) for each in cached]
    sides = list(zip(*(directions(contrast, each) for each in leaves), strict=True))
    joint_meanings = torch.cat([deal.gather(each) for deal, each in zip(deals, meanings, strict=True)])
    begins = list(accumulate((deal.rows for deal in deals), initial=0))
    outcomes: list[list[Outcome]] = [[] for _ in deals]
    for parts in sides:
        joint = torch.cat([deal.gather(wide(keys)) for deal, (_, keys) in zip(deals, parts, strict=True)])
        candidates = joint.detach().requires_grad_()
        for number, (queries, _) in enumerate(parts):
            places = begins[number] + deals[number].indices()
            outcome = outcome_among(
                model, wide(queries), meanings[number], candidates, joint_meanings, places
            )
            # at once, so that memory holds the scores of one micro-batch at a time
            (outcome.loss_sum / len(sides)).backward()
            outcomes[number].append(replace(outcome, loss_sum=outcome.loss_sum.detach()))
        joint.backward(candidates.grad)
    return [mean_outcome(each) for each in outcomes]


def _carried(loss: Tensor, vectors: Sequence[Tensor], cached: Sequence[Tensor]) -> Tensor:
    """The loss, and as its gradient with respect to each vector the one that the cached vector holds."""
    inner = torch.zeros_like(loss)
    for each, leaf in zip(vectors, cached, strict=True):
        assert leaf.grad is not None
        inner = inner + (wide(each) * wide(leaf.grad)).sum()
    return loss + inner - inner.detach()
