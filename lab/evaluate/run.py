"""Retrieval of a run: its checkpoint on its held-out meanings, or on another corpus."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from core.checkpoint import open_model
from core.errors import InputError
from core.text.corpus import open_corpus
from core.text.tokenizer import load_tokenizer
from lab.evaluate.retrieval import mean_accuracy, retrieval, scores, sides_of
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import all_sentences

SHOWN_ERRORS = 10
KEPT_ERRORS = 2_000


def evaluate_run(
    run: Run,
    corpus_folder: Path | None = None,
    layer: int | None = None,
    pooling: str | None = None,
    meanings: int = 10_000,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Top-1 retrieval of every directed pair of languages; on the run's own held-out text it is kept in the run.

    Raises:
        InputError: the run has no checkpoint yet, the layer does not exist, or the text has no translations.
    """
    info = run.info
    checkpoint = run.checkpoint()
    if checkpoint is None:
        raise InputError(
            f"run {run.name} has no checkpoint yet: let it train, or lower --measure.checkpoint-every"
        )
    model = open_model(checkpoint, info.settings).to(model_device())
    layers = model.encoder.config.num_hidden_layers
    layer = min(info.settings.evaluation_layer, layers) if layer is None else layer
    if not 0 <= layer <= layers:
        raise InputError(f"expected a layer from 0 to {layers}, got {layer}")
    pooling = pooling or info.settings.measure.pooling
    sentences = all_sentences(open_corpus(corpus_folder)) if corpus_folder else run.held_out()
    sentences = sentences[sentences["meaning"].isin(sentences["meaning"].unique()[:meanings])]
    tokenizer = load_tokenizer(checkpoint)
    vectors = encode(model, tokenizer, sentences["text"].tolist(), [layer], pooling, progress)[layer]
    directions = retrieval(sides_of(sentences, vectors))
    wrong = pd.concat([one.wrong for one in directions], ignore_index=True)
    wrong = wrong.sort_values("margin", ascending=False, ignore_index=True)
    if corpus_folder is None:
        run.write_scores("retrieval", scores(directions, layer))
        run.write_errors(wrong[:KEPT_ERRORS])
    value, low, high = mean_accuracy(directions)
    return {
        "run": run.name,
        "mean_accuracy": value,
        "interval": [low, high],
        "layer": layer,
        "pooling": pooling,
        "wrong": len(wrong),
        "errors": wrong[:SHOWN_ERRORS].to_dict("records"),
        "retrieval": [
            {
                "source": one.source,
                "target": one.target,
                "accuracy": one.accuracy,
                "low": one.interval()[0],
                "high": one.interval()[1],
                "n": len(one.correct),
                "layer": layer,
            }
            for one in directions
        ],
    }
