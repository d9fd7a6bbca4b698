"""A joint loss over the vectors of several micro-batches, in the memory of one (GradCache; Gao et al. 2021)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.objectives.infonce import at_least_float32
from core.objectives.outcome import Outcome

Vectors = tuple[Tensor, ...]


def cached_outcomes(
    encode: Callable[[int], Vectors],
    joint_outcomes: Callable[[Sequence[Vectors]], Sequence[Outcome]],
    num_parts: int,
    seed_part: Callable[[int], None],
    device: torch.device,
) -> Iterator[tuple[Outcome, Vectors]]:
    """Yields the outcome of each micro-batch in turn, with its vectors, as if the whole batch were encoded at once.

    First all micro-batches are encoded without graph, and the loss of the joint batch gives a gradient for each
    vector. Then each micro-batch is encoded again, with graph, to carry its gradients back. The gradient is exact;
    every sentence is encoded twice.

    Args:
        encode: encodes the micro-batch of a number.
        joint_outcomes: computes the outcomes of all micro-batches, and leaves each vector with its gradient.
        num_parts: number of micro-batches.
        seed_part: makes dropout repeat; called with the number of a micro-batch before each of its two passes.
        device: where the vectors lie.
    """
    cached: list[Vectors] = []
    for number in range(num_parts):
        seed_part(number)
        with torch.no_grad():
            cached.append(encode(number))
    # older torch keeps what autocast has cast without graph, and the weights get no gradient (pytorch issue 158232)
    torch.clear_autocast_cache()
    with torch.autocast(device.type, enabled=False):
        outcomes = joint_outcomes([tuple(vectors.requires_grad_() for vectors in part) for part in cached])
    for number, outcome in enumerate(outcomes):
        seed_part(number)
        loss = _carried(outcome.loss_sum, encode(number), cached[number])
        yield replace(outcome, loss_sum=loss), cached[number]


def _carried(loss: Tensor, vectors: Vectors, cached: Vectors) -> Tensor:
    """The loss, with a graph whose gradient for each vector is the gradient of the cached copy."""
    inner = torch.zeros_like(loss)
    for vector, leaf in zip(vectors, cached, strict=True):
        assert leaf.grad is not None
        inner = inner + (at_least_float32(vector) * at_least_float32(leaf.grad)).sum()
    return loss + inner - inner.detach()
