"""Encodes new text. Only this module of the dashboard imports torch, and only when it is called."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.errors import InputError
from lab.store import Run

CANDIDATES = 2_000
"""Held-out sentences to compare typed sentences with, at most; a base model encodes so many in about a minute."""


@dataclass(frozen=True)
class LoadedEncoder:
    """A checkpoint ready to read text, with the held-out sentences and their vectors, row by row."""

    model: Any
    tokenizer: Any
    layer: int
    pooling: str
    sentences: pd.DataFrame
    vectors: np.ndarray

    def read(self, texts: list[str]) -> tuple[np.ndarray, list[float]]:
        """Vectors of texts, [texts, hidden], and the share of unknown tokens of each text."""
        from lab.evaluate.vectors import encode

        ids = [row[1:-1] for row in self.tokenizer.encode(texts)]
        unknown = [float(self.tokenizer.unseen(row).mean()) if len(row) else 1.0 for row in ids]
        return encode(self.model, self.tokenizer, texts, [self.layer], self.pooling)[self.layer], unknown


def reader(run: Run) -> LoadedEncoder:
    """The newest checkpoint of a run, loaded once.

    Raises:
        InputError: the run has no checkpoint yet, or it cannot be read.
    """
    checkpoint = run.checkpoint()
    if checkpoint is None:
        raise InputError(
            f"{run.name} has no checkpoint yet: it writes one as it trains, or choose another run"
        )
    return _reader(str(checkpoint), (checkpoint / "state.json").stat().st_mtime_ns, run)


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder; the first time takes some seconds …")
def _reader(checkpoint: str, written: int, _run: Run) -> LoadedEncoder:
    from lab.evaluate.trained import trained_model
    from lab.evaluate.vectors import encode, model_device

    settings = _run.info.settings
    trained = trained_model(_run)
    model, tokenizer = trained.model.to(model_device()), trained.tokenizer
    layer = settings.evaluation_layer_of(model.encoder.config.num_hidden_layers)
    shown, rest = _run.sentences(), _run.held_out()
    rest = rest[~rest["meaning"].isin(shown["meaning"])]
    per_language = max(0, CANDIDATES - len(shown)) // max(1, rest["language"].nunique())
    rest = rest[rest["meaning"].isin(rest["meaning"].unique()[:per_language])]
    sentences = pd.concat([shown, rest], ignore_index=True)
    pooling = settings.measure.pooling
    vectors = encode(model, tokenizer, sentences["text"].tolist(), [layer], pooling)[layer]
    return LoadedEncoder(model, tokenizer, layer, pooling, sentences, vectors)
