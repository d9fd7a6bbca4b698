"""Encoders of sentences: XLM-R on the lab's packed path, any other through sentence-transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from core.checkpoint import open_foreign
from core.model.infoxlm import InfoXLM
from core.model.layout import checkpoint_config
from core.progress import Progress, no_progress
from core.text.tokenizer import Tokenizer
from lab.evaluate.foreign import OWN, UnreadVectors, own_reading
from lab.evaluate.library_encoder import open_library_encoder
from lab.evaluate.vectors import encode, model_device

PACKED: Final = "xlm-roberta"


class Encoder(Protocol):
    """What an evaluation needs of a model."""

    @property
    def num_layers(self) -> int:
        """Number of layers; hidden state 0 is the embeddings."""
        ...

    def vectors(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        pooling: str,
        prompt: str = "",
        progress: Progress = no_progress,
    ) -> dict[int, np.ndarray]:
        """Sentence vectors by hidden state, [texts, width] float32, in the order of the texts."""
        ...


@dataclass(frozen=True)
class PackedEncoder:
    """A model of the lab with its tokenizer: sentences of a batch stand in one row, without padding."""

    model: InfoXLM
    tokenizer: Tokenizer

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return self.model.encoder.config.num_hidden_layers

    def vectors(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        pooling: str,
        prompt: str = "",
        progress: Progress = no_progress,
    ) -> dict[int, np.ndarray]:
        """Sentence vectors, pooled by "mean" or "first"."""
        self.model.to(model_device())
        return encode(
            self.model, self.tokenizer, [prompt + text for text in texts], layers, pooling, progress
        )


@dataclass(frozen=True)
class OpenedEncoder:
    """An encoder, with the hidden state and the pooling that sentences are read from unless others are named."""

    encoder: Encoder
    layer: int
    pooling: str


def open_encoder(start: str, layer: int | None = None, pooling: str | None = None) -> OpenedEncoder:
    """The encoder of a checkpoint.

    XLM-R goes the packed path, unless its sentence vectors are made by modules that only sentence-transformers has.

    Args:
        start: a folder in the layout of transformers or sentence-transformers, or a hub name.
        layer: hidden state that is asked for; None for the checkpoint's own.
        pooling: that is asked for; None for the checkpoint's own.

    Raises:
        InputError: it cannot be found or opened, or its weights are of another architecture.
    """
    kind = checkpoint_config(start).get("model_type")
    if kind == PACKED and pooling in (None, "mean", "first"):
        try:
            model, tokenizer = open_foreign(start)
            packed = PackedEncoder(model, tokenizer)
            reading = (
                (0, "mean")
                if layer is not None and pooling is not None
                else own_reading(start, packed.num_layers)
            )
            return OpenedEncoder(packed, *reading)
        except UnreadVectors:
            pass
    library = open_library_encoder(start)
    if layer is None and pooling in (None, OWN):
        return OpenedEncoder(library, *library.own_reading)
    return OpenedEncoder(library, library.own_reading[0], library.token_pooling)
