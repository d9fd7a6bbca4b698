"""Model FLOPs: the multiplications and additions that the losses of a step need, whoever computes them."""

from typing import Final

import torch

from core.config import Settings
from core.text.batches import Batch, MaskedBatch, Sequences

PEAKS: Final = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "T4": 65e12}
"""Dense bfloat16 (T4: float16) operations per second, from the vendor's data sheets."""


def peak_flops() -> float | None:
    """What the GPU in use can do in a second at most, or None where that is not known."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    return next((peak for key, peak in PEAKS.items() if key in name), None)


def model_flops(batch: Batch, settings: Settings, vocabulary: int) -> float:
    """Of the matrix products of one step, forward and backward (twice the forward).

    Nothing is counted for padding, for the vocabulary at tokens that are not masked, for layers above the contrast,
    nor for anything that is computed twice. The momentum encoder has no backward pass, and the queue no gradient.
    """
    model, contrast = settings.model, settings.contrast

    def encoded(sequences: Sequences, layers: int) -> float:
        tokens, lengths = len(sequences.ids), sequences.lengths.double()
        per_token = 8 * model.hidden**2 + 4 * model.hidden * model.feedforward
        return layers * (tokens * per_token + 4 * model.hidden * float((lengths**2).sum()))

    def masked(part: MaskedBatch) -> float:
        head = 2 * model.hidden**2 + 2 * model.hidden * vocabulary
        return 3 * (encoded(part.sequences, model.layers) + len(part.targets) * head)

    total = sum(masked(part) for part in (batch.mmlm, batch.tlm) if part is not None)
    if batch.xlco is not None:
        pairs = len(batch.xlco.meanings)
        head = 2 * pairs * model.hidden**2 if contrast.head else 0
        ways = 3 if contrast.keys == "query" else 1
        total += 3 * (encoded(batch.xlco.queries, contrast.layer) + head)
        total += ways * (encoded(batch.xlco.keys, contrast.layer) + head)
        near = pairs if contrast.in_batch else 1
        total += 2 * pairs * model.hidden * (2 * contrast.queue + (ways if ways == 3 else 2) * near)
    return total
