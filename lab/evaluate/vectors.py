"""Sentences to vectors, in batches of similar length."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch

from core.model.infoxlm import InfoXLM
from core.progress import Progress, no_progress
from core.text.batches import unmasked
from core.text.tokenizer import Tokenizer

BATCH_TOKENS = 8_192


def encode(
    model: InfoXLM,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    layers: Sequence[int],
    pooling: str = "mean",
    progress: Progress = no_progress,
    wanted: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> dict[int, np.ndarray]:
    """Sentence vectors by hidden state, [texts, hidden] float32, in the order of the texts.

    For a hidden state in `wanted` only the vectors of some texts are held, [wanted texts, hidden]: its mask, bool
    [texts], names the texts.
    """
    device = next(model.parameters()).device
    longest = model.settings.model.max_tokens
    rows = [
        row
        for begin in range(0, len(texts), 10_000)
        for row in tokenizer.encode(texts[begin : begin + 10_000], longest)
    ]
    order = np.argsort([len(row) for row in rows], kind="stable")
    width = model.encoder.config.hidden_size
    held = {layer: wanted.get(layer, np.ones(len(rows), dtype=bool)) for layer in layers}
    places = {layer: np.cumsum(mask) - 1 for layer, mask in held.items()}
    encoded = {layer: np.empty((int(mask.sum()), width), dtype=np.float32) for layer, mask in held.items()}
    done, training = 0, model.training
    model.eval()
    for part in _parts([len(rows[i]) for i in order]):
        at = order[part]
        vectors = model.vectors(unmasked([rows[i] for i in at], longest).to(device), list(layers), pooling)
        for layer, values in zip(layers, vectors, strict=True):
            wanted_rows = held[layer][at]
            encoded[layer][places[layer][at[wanted_rows]]] = values.cpu().numpy()[wanted_rows]
        done += len(at)
        progress("encoding", done, len(rows))
    model.train(training)
    return encoded


def _parts(lengths: Sequence[int]) -> list[slice]:
    parts, begin, tokens = [], 0, 0
    for index, length in enumerate(lengths):
        if tokens and tokens + length > BATCH_TOKENS:
            parts.append(slice(begin, index))
            begin, tokens = index, 0
        tokens += length
    return [*parts, slice(begin, len(lengths))] if lengths else []


def model_device() -> torch.device:
    """Where evaluation runs: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
