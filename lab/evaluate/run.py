"""Retrieval of a run, or of any XLM-R style checkpoint as if it were one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.checkpoint import open_foreign, open_model
from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.text.corpus import open_corpus
from core.text.tokenizer import Tokenizer, load_tokenizer
from lab.evaluate.foreign import own_reading
from lab.evaluate.retrieval import Direction, mean_accuracy, pivot, retrieval, scores, sides_of
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import all_sentences

SHOWN_ERRORS = 10
KEPT_ERRORS = 2_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Protocol:
    """What is read of a model; None where the run or checkpoint decides.

    Attributes:
        layer: hidden state, 0 = embeddings, as transformers counts them.
        pooling: of the tokens, `<s>` and `</s>` included: their mean, or the first.
        meanings: at most so many are compared, drawn at random; None for all.
    """

    layer: int | None = None
    pooling: str | None = None
    meanings: int | None = 10_000


PRESETS: Final = {"tatoeba": Protocol(layer=7, pooling="mean", meanings=None)}
"""Protocols of published figures; 'tatoeba' is the one that yields those of InfoXLM base (Chi et al. 2021)."""


def evaluate_run(
    run: Run,
    corpus_folder: Path | None = None,
    protocol: Protocol = Protocol(),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Top-1 retrieval of every directed pair of languages; on the run's own held-out text it is kept in the run.

    Raises:
        InputError: the run has no checkpoint yet, the layer does not exist, or the text has no translations.
    """
    settings, checkpoint = run.info.settings, run.checkpoint()
    if checkpoint is None:
        raise InputError(
            f"run {run.name} has no checkpoint yet: let it train, or lower --measure.checkpoint-every"
        )
    model, tokenizer = open_model(checkpoint, settings), load_tokenizer(checkpoint)
    own = min(settings.evaluation_layer, _layers(model)), settings.measure.pooling
    sentences = all_sentences(open_corpus(corpus_folder)) if corpus_folder else run.held_out()
    document, directions, wrong = _measured(model, tokenizer, sentences, own, protocol, progress)
    if corpus_folder is None:
        run.write_scores("retrieval", scores(directions, document["layer"]))
        run.write_errors(wrong[:KEPT_ERRORS])
    return {"run": run.name, **document}


def evaluate_checkpoint(
    start: str,
    corpus_folder: Path,
    protocol: Protocol = Protocol(),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The same of an XLM-R style checkpoint, a folder or a hub name; the document's `run` is its name.

    Raises:
        InputError: it cannot be opened, the layer does not exist, or the text has no translations.
    """
    sentences = all_sentences(open_corpus(corpus_folder))
    model, tokenizer = open_foreign(start)
    chosen = (protocol.layer, protocol.pooling)
    own = (0, "mean") if None not in chosen else own_reading(start, _layers(model))
    document, _, _ = _measured(model, tokenizer, sentences, own, protocol, progress)
    return {"run": start, **document}


def _layers(model: InfoXLM) -> int:
    return model.encoder.config.num_hidden_layers


def _measured(
    model: InfoXLM,
    tokenizer: Tokenizer,
    sentences: pd.DataFrame,
    own: tuple[int, str],
    protocol: Protocol,
    progress: Progress | None,
) -> tuple[dict[str, Any], list[Direction], pd.DataFrame]:
    layer = own[0] if protocol.layer is None else protocol.layer
    pooling = protocol.pooling or own[1]
    if not 0 <= layer <= _layers(model):
        raise InputError(f"expected a layer from 0 to {_layers(model)}, got {layer}")
    meanings = np.random.default_rng(0).permutation(sentences["meaning"].unique())
    compared = sentences[sentences["meaning"].isin(meanings[: protocol.meanings])]
    model.to(model_device())
    vectors = encode(model, tokenizer, compared["text"].tolist(), [layer], pooling, progress)[layer]
    directions = retrieval(sides_of(compared, vectors))
    wrong = pd.concat([one.wrong for one in directions], ignore_index=True)
    wrong = wrong.sort_values("margin", ascending=False, ignore_index=True)
    value, low, high = mean_accuracy(directions)
    document = {
        "mean_accuracy": value,
        "interval": [low, high],
        "layer": layer,
        "pooling": pooling,
        "wrong": len(wrong),
        "errors": wrong[:SHOWN_ERRORS].to_dict("records"),
        "means": _means(directions),
        "retrieval": [_row(one, layer) for one in directions],
    }
    return document, directions, wrong


def _row(one: Direction, layer: int) -> dict[str, Any]:
    low, high = one.interval()
    return {
        "source": one.source,
        "target": one.target,
        "query": one.source,
        "index": one.target,
        "accuracy": one.accuracy,
        "low": low,
        "high": high,
        "n": len(one.correct),
        "layer": layer,
    }


def _means(directions: list[Direction]) -> list[dict[str, Any]]:
    """Both means by direction, where one language is in all pairs: published tables give these two."""
    middle = pivot(directions)
    if middle is None:
        return []
    found = []
    for query, index in ((middle, "others"), ("others", middle)):
        part = [one for one in directions if middle == (one.source if query == middle else one.target)]
        value, low, high = mean_accuracy(part)
        found.append(
            {"query": query, "index": index, "accuracy": value, "low": low, "high": high, "pairs": len(part)}
        )
    return found
