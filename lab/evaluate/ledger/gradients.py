"""Gradient that the contrast gives each layer of a run."""

import math

import pandas as pd
import torch

from core.objectives.infonce import infonce_outcome
from core.objectives.xlco import XLCO
from core.text.batches import unmasked
from lab.evaluate.ledger.loaded_run import load_run
from lab.store import Run


def contrast_gradients(run: Run, source: str, target: str, pairs: int = 32) -> pd.Series:
    """Norm of the gradient that the contrast alone gives each layer of a run, on sentences it holds out."""
    loaded = load_run(run)
    model, settings = loaded.model, loaded.model.settings
    translations = (
        run.held_out()
        .pivot(index="meaning", columns="language", values="text")[[source, target]]
        .dropna()[:pairs]
    )
    longest = settings.model.max_tokens
    queries, keys = (
        XLCO.of(model).queries(
            model, unmasked(loaded.tokenizer.encode(translations[tag].tolist(), longest), longest)
        )
        for tag in (source, target)
    )
    scores = queries @ keys.T / settings.contrast.temperature
    model.zero_grad()
    infonce_outcome(scores, torch.arange(len(scores)), None).loss_sum.backward()
    parts = {"embeddings": model.encoder.embeddings, **{
        f"layer {at}": layer for at, layer in enumerate(model.encoder.encoder.layer, start=1)
    }}  # fmt: skip
    norms = {
        name: math.sqrt(sum(float(w.grad.square().sum()) for w in part.parameters() if w.grad is not None))
        for name, part in parts.items()
    }
    return pd.Series(norms, name="gradient norm")
