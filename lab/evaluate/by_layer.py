"""Retrieval and roles at every hidden state of a run, in units for studies."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.means import by_meaning, mean_accuracy
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.roles import CHANCE, Questions
from lab.evaluate.units import units
from lab.evaluate.vectors import encode
from lab.evaluate.vocabulary_units import compares_tokenizers, retrieval_by_language
from lab.figures.metrics import LAYERS


def retrieval_units(loaded: LoadedRun) -> Iterable[pd.DataFrame]:
    """Units of retrieval at every layer: per held-out meaning, the share of directions that find its translation.

    Also by language, where a study compares tokenizers. Nothing where no direction is large enough to be averaged.
    """
    sentences = loaded.run.held_out()
    for layer, vectors in _states(loaded, sentences["text"].tolist()):
        directions = retrieval(sides_of(sentences, vectors))
        mean = mean_accuracy(directions)
        if mean is None:
            return
        shares = by_meaning(directions)
        yield from _both(
            loaded, "retrieval", layer, (shares.meanings, shares.totals, shares.weights), mean.chance
        )
        if layer == loaded.evaluation_layer and compares_tokenizers(loaded):
            yield from retrieval_by_language(directions)


def role_units(loaded: LoadedRun) -> Iterable[pd.DataFrame]:
    """Units of roles: per held-out role fact, the share of directions that prefer its translation to its exchange's.

    At every layer; a mean over the relations, which weigh alike. Nothing where the world tells no role facts.
    """
    questions = Questions.of_held_out(loaded.world, loaded.run.held_out())
    if questions is None:
        return
    for layer, vectors in _states(loaded, questions.sentences["text"].tolist()):
        yield from _both(loaded, "roles", layer, (questions.facts, *questions.by_fact(vectors)), CHANCE)


def _states(loaded: LoadedRun, texts: Sequence[str]) -> Iterator[tuple[int, np.ndarray]]:
    """Every hidden state: its number, and the vectors of the texts, [texts, hidden]."""
    vectors = encode(
        loaded.model, loaded.tokenizer, texts, range(loaded.num_layers + 1),
        loaded.run.info.settings.measure.pooling, loaded.progress,
    )  # fmt: skip
    yield from vectors.items()


def _both(
    loaded: LoadedRun,
    metric: str,
    layer: int,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    chance: float,
) -> Iterable[pd.DataFrame]:
    """The units of a layer, repeated under the metric's own key where evaluations read this layer."""
    yield units(f"{LAYERS[metric]}{layer}", *columns, chance=chance)
    if layer == loaded.evaluation_layer:
        yield units(metric, *columns, chance=chance)
