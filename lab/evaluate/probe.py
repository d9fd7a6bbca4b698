"""What is measured of a model while it trains: retrieval on a probe of held-out sentences, and vectors for the maps."""

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd

from core.config import Settings
from core.model.infoxlm import InfoXLM
from core.text.tokenizer import Tokenizer
from lab.evaluate.means import mean_accuracy
from lab.evaluate.pools import PoolRule
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.scores import step_record
from lab.evaluate.vectors import encode

MOST_DIRECTIONS: Final = 240
"""Directions that are measured at a snapshot; of more, so many are drawn once, and measured at every snapshot."""


class Probe:
    """Held-out sentences, drawn once per run with its seed: those that are compared, and those that maps show.

    Attributes:
        sentences: all of them: columns meaning, language, text.
        shown: those whose vectors are kept, at every hidden state.
    """

    def __init__(self, held_out: pd.DataFrame, settings: Settings) -> None:
        self._settings, measure = settings, settings.measure
        order = np.random.default_rng(settings.seed).permutation(held_out["meaning"].unique())
        compared, shown = (
            balanced(held_out, order, most)
            for most in (measure.retrieval_meanings, measure.snapshot_meanings)
        )
        either = compared | shown
        self.sentences, self.shown = held_out[either], held_out[shown]
        self._compared, self._shown = compared[either], shown[either]

    def measure(self, model: InfoXLM, tokenizer: Tokenizer) -> tuple[dict[int, np.ndarray], dict[str, float]]:
        """Vectors of the shown sentences by hidden state, [sentences, hidden], and what a step records of retrieval.

        All sentences are encoded at once, and beside the hidden state that retrieval reads only those of the shown are
        held: of many languages in a large model all of them would take gigabytes. The record is empty where no two
        languages share enough meanings.
        """
        top, texts = model.encoder.config.num_hidden_layers, self.sentences["text"].tolist()
        layer, pooling = self._settings.evaluation_layer_of(top), self._settings.measure.pooling
        wanted = {unread: self._shown for unread in range(top + 1) if unread != layer}
        vectors = encode(model, tokenizer, texts, range(top + 1), pooling, wanted=wanted)
        sides = sides_of(self.sentences[self._compared], vectors[layer][self._compared])
        mean = mean_accuracy(retrieval(sides, PoolRule(directions=MOST_DIRECTIONS)))
        return vectors | {layer: vectors[layer][self._shown]}, step_record(mean)


def balanced(sentences: pd.DataFrame, order: np.ndarray, most: int) -> np.ndarray:
    """Mask of the sentences to compare: meanings in `order`, each told in a language with fewer than `most` so far.

    So a small language keeps all it has beside a large one. Where every meaning is told in every language these are the
    first `most`.
    """
    languages = sentences.groupby("meaning")["language"].agg(list).to_dict()
    counts, meanings = Counter[str](), list[int]()
    for meaning in order:
        if min(counts[tag] for tag in languages[meaning]) < most:
            meanings.append(meaning)
            counts.update(languages[meaning])
    return sentences["meaning"].isin(meanings).to_numpy()
