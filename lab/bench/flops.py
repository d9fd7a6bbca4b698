"""Model FLOPs: the multiplications and additions that the losses of a step need, independent of the program."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor

from core.config import Settings
from core.objectives import TaskBatch
from core.text.batches import MaskedBatch, PairBatch, Sequences

PEAKS: Final = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "T4": 65e12}
"""Dense bfloat16 (T4: float16) operations per second, from the vendor's data sheets."""


def peak_flops() -> float | None:
    """Peak operations per second of the GPU in use; None where they are not known."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    return next((peak for key, peak in PEAKS.items() if key in name), None)


def model_flops(batches: Iterable[TaskBatch], settings: Settings, vocabulary: int) -> float:
    """FLOPs of the matrix products of one step, forward and backward (twice the forward).

    Not counted are padding, the vocabulary at tokens that are not masked, layers above the contrast, the last layer at
    tokens that no loss reads (except keys and values), and everything that is computed twice. The momentum encoder has
    no backward pass, and the queue no gradient.
    """
    model, contrast = settings.model, settings.contrast

    def encoded(sequences: Sequences, layers: int, read: Tensor) -> float:
        tokens, lengths = len(sequences.ids), sequences.lengths.double()
        # two of four projections are keys and values; the rest is needed only at tokens that are read
        attended, per_read_token = (
            4 * model.hidden**2,
            4 * model.hidden**2 + 4 * model.hidden * model.feedforward,
        )
        below = tokens * (attended + per_read_token) + 4 * model.hidden * float((lengths**2).sum())
        length = torch.repeat_interleave(lengths, sequences.lengths)[read]
        last = tokens * attended + len(read) * per_read_token + 4 * model.hidden * float(length.sum())
        return (layers - 1) * below + last

    def masked(part: MaskedBatch) -> float:
        head = 2 * model.hidden**2 + 2 * model.hidden * vocabulary
        return 3 * (encoded(part.sequences, model.layers, part.positions.cpu()) + len(part.targets) * head)

    def contrasted(sequences: Sequences) -> float:
        starts = sequences.lengths.cumsum(0) - sequences.lengths
        read = starts if contrast.pooling == "first" else torch.arange(len(sequences.ids))
        head = 2 * model.hidden**2 if contrast.head else 0
        return encoded(sequences, contrast.layer, read) + len(sequences.lengths) * head

    def paired(part: PairBatch) -> float:
        ways = 3 if contrast.keys == "query" else 1
        near = part.count if contrast.in_batch else 1
        scores = 2 * part.count * model.hidden * (2 * contrast.queue + (ways if ways == 3 else 2) * near)
        return 3 * contrasted(part.queries) + ways * contrasted(part.keys) + scores

    total = 0.0
    for batch in batches:
        if isinstance(batch, MaskedBatch):
            total += masked(batch)
        elif isinstance(batch, PairBatch):
            total += paired(batch)
        else:
            raise TypeError(
                f"no FLOPs are known for a {type(batch).__name__}: count them in lab/bench/flops.py"
            )
    return total
