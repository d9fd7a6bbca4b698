"""Retrieval and information at every hidden state of a model, of its vectors as they are and after a rotation."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from scipy.stats import ortho_group

from core.information import bounds, estimate
from core.model.infoxlm import InfoXLM
from core.text.tokenizer import Tokenizer
from lab.evaluate.estimates import paired
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.translations import unseen
from lab.evaluate.means import translation_accuracy
from lab.evaluate.retrieval import sides_of
from lab.evaluate.temperature import fitted_scale
from lab.evaluate.vectors import encode
from lab.projection import unit
from lab.store import Run

COSINE: Final = "cosine, as retrieval reads it"
TRAINED: Final = "critic trained on it"
Z95: Final = 1.959964
Vectors = Mapping[int, np.ndarray]
"""Sentence vectors by hidden state, in the order of a table of sentences."""


def unseen_sentences(run: Run, meanings: int) -> pd.DataFrame:
    """Sentences that a run did not train on: columns meaning, language, text.

    A world gives as many meanings as wanted, other text those that the run holds out.
    """
    loaded = load_run(run)
    unseen_texts = unseen(loaded, dict.fromkeys(sorted(loaded.languages), meanings), seed=0)
    parts = [
        pd.DataFrame({"meaning": at, "language": tag, "text": text})
        for tag, (at, text) in unseen_texts.items()
    ]
    return pd.concat(parts, ignore_index=True)


def vectors_of_run(run: Run, sentences: pd.DataFrame) -> Vectors:
    """Sentence vectors at every hidden state of a run's newest checkpoint, pooled as its retrieval does."""
    loaded = load_run(run)
    return vectors_of_model(loaded.model, loaded.tokenizer, sentences, loaded.model.settings.measure.pooling)


def vectors_of_model(model: InfoXLM, tokenizer: Tokenizer, sentences: pd.DataFrame, pooling: str) -> Vectors:
    """Sentence vectors at every hidden state, 0 = embeddings."""
    layers = range(model.encoder.config.num_hidden_layers + 1)
    return encode(model, tokenizer, sentences["text"].tolist(), layers, pooling)


def retrieval_by_layer(
    vectors: Vectors, sentences: pd.DataFrame, name: str, meanings: int = 300
) -> pd.DataFrame:
    """Mean top-1 accuracy over all directed pairs of languages, by layer: name, layer, value, low, high, chance.

    Raises:
        InputError: no two languages share enough meanings.
    """
    few = sentences["meaning"].isin(sentences["meaning"].unique()[:meanings]).to_numpy()
    rows = []
    for layer, values in vectors.items():
        mean = translation_accuracy(sides_of(sentences[few], values[few]))
        rows.append((name, layer, mean.value, mean.low, mean.high, mean.chance))
    return pd.DataFrame(rows, columns=["name", "layer", "value", "low", "high", "chance"])


def information_by_layer(
    vectors: Vectors, sentences: pd.DataFrame, source: str, target: str, steps: int = 500
) -> pd.DataFrame:
    """InfoNCE on the translations of one pair of languages, by layer and critic, in nats.

    The cosine has one number to learn, its temperature; the other critic is a network trained on this very layer.
    Both are read on the same third of the meanings, with all its sentences as candidates, so they have one ceiling.
    `steps` train it. Columns name (the critic), layer, value, low, high, ceiling.
    """
    rows: list[dict[str, Any]] = []
    for layer, values in vectors.items():
        x, y = _pair(values, sentences, source, target)
        fit, test = np.split(np.random.default_rng(0).permutation(len(x)), [2 * len(x) // 3])
        # cosines need a factor of e^-2 to e^6
        scale = fitted_scale([(1.0, _cosines(x[fit], y[fit]), 0.0)], middle=2.0)
        terms = bounds.infonce(scale * _cosines(x[test], y[test])).terms.numpy()
        half = Z95 * float(terms.std(ddof=1)) / math.sqrt(len(terms))
        value = float(terms.mean())
        rows.append(
            {"name": COSINE, "value": value, "low": value - half, "high": value + half, "layer": layer}
        )
        trained = estimate(x, y, method="infonce", steps=steps)
        rows.append(
            {"name": TRAINED, "value": trained.nats, "low": trained.low, "high": trained.high, "layer": layer}
        )
        rows[-1]["ceiling"] = rows[-2]["ceiling"] = math.log(len(test))
    return pd.DataFrame(rows)


def _pair(
    values: np.ndarray, sentences: pd.DataFrame, source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    at = [(sentences["language"] == tag).to_numpy() for tag in (source, target)]
    meanings = sentences["meaning"].to_numpy()
    return paired((meanings[at[0]], values[at[0]]), (meanings[at[1]], values[at[1]]))


def _cosines(x: np.ndarray, y: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(unit(x) @ unit(y).T).double()


def rotated(
    vectors: Vectors, sentences: pd.DataFrame, layer: int, source: str, target: str, steps: int = 500
) -> pd.DataFrame:
    """Retrieval and information at a layer, as it is and after the target's vectors are rotated at random.

    A rotation loses nothing, so the information stays; the two languages no longer share their axes.
    """
    values = vectors[layer]
    turn = ortho_group.rvs(values.shape[1], random_state=0).astype(values.dtype)
    moved = values.copy()
    at = (sentences["language"] == target).to_numpy()
    moved[at] = values[at] @ turn
    both = sentences["language"].isin([source, target]).to_numpy()
    table = sentences[both].reset_index(drop=True)
    parts = []
    for name, each in (("as it is", values), ("target rotated", moved)):
        in_layer = {layer: each[both]}
        nats = information_by_layer(in_layer, table, source, target, steps).set_index("name")["value"]
        share = retrieval_by_layer(in_layer, table, name)["value"].iloc[0]
        parts.append({"vectors": name, "retrieval": share, **nats.to_dict()})
    return pd.DataFrame(parts)
