"""The critics on top of the encoder: the vocabulary at masked positions, and the linear map of the contrast."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint  # pyright: ignore[reportUnknownVariableType]
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLMHead

CHUNK_LOGITS = 2**26
"""Logits held at once: 256 MiB in float32, whatever the vocabulary and the batch. Each chunk reads and writes the
embedding matrix once more: with a quarter of this, XLM-R's 250,002 tokens take twice the time on a CPU."""


def token_losses(
    head: XLMRobertaLMHead, states: Float[Tensor, "masked hidden"], targets: Int[Tensor, " masked"]
) -> Float[Tensor, " masked"]:
    """Cross-entropy in nats of each masked token over the whole vocabulary.

    Logits exist for the masked positions only, and when they would exceed `CHUNK_LOGITS`, for some positions at
    a time: the backward pass computes them again.
    """
    rows = max(1, CHUNK_LOGITS // head.decoder.out_features)
    if len(states) <= rows:
        return _losses(head, states, targets)
    parts = [
        checkpoint(_losses, head, part, wanted, use_reentrant=False)
        for part, wanted in zip(states.split(rows), targets.split(rows), strict=True)
    ]
    return torch.cat(parts)  # pyright: ignore[reportArgumentType]


def _losses(head: XLMRobertaLMHead, states: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(head(states).float(), targets, reduction="none")


def contrast_head(hidden: int) -> nn.Linear:
    """One bias-free linear map shared by all languages, N(0, 0.02) (released)."""
    head = nn.Linear(hidden, hidden, bias=False)
    nn.init.normal_(head.weight, std=0.02)
    return head
