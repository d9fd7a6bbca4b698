"""Lessons 00 and 07: retrieval without a network, beside a run's own."""

from typing import Final

import numpy as np
import pandas as pd

from core.errors import InputError
from core.text.tokenizer import load_tokenizer
from lab.evaluate.baselines import BASELINES, Text, encode_baseline, training_sentences
from lab.evaluate.means import MeanAccuracy, translation_accuracy
from lab.evaluate.retrieval import sides_of
from lab.evaluate.scores import read_mean
from lab.lessons.output import progress_line
from lab.store import Run
from lab.text import corpus_of

RUN: Final = "this run"
LSA: Final = "lsa"
NAMES: Final = ("random", "tokens", LSA)
MEANINGS: Final = 3_000
DIMENSIONS: Final = 64


def without_network(run: Run, meanings: int = MEANINGS, dimensions: int = DIMENSIONS) -> pd.DataFrame:
    """Retrieval by a run and by baselines without a network, on the same held-out sentences.

    Columns method, accuracy, low, high (95 % interval), chance, seconds; mean over all directed pairs. Latent semantic
    indexing learns from so many of the run's training meanings. `lab evaluate RUN --task baselines` measures more
    baselines, on all of them.

    Raises:
        InputError: the run has no retrieval, or no checkpoint.
    """
    mean, checkpoint = read_mean(run.scores()), run.checkpoint()
    if mean is None or checkpoint is None:
        raise InputError(f"run {run.name} has no retrieval: lab evaluate {run.name} says why")
    held_out = run.held_out()
    training = training_sentences(corpus_of(run), held_out["meaning"].unique())
    some = np.random.default_rng(0).permutation(training["meaning"].unique())[:meanings]
    text = Text.of(held_out, training[training["meaning"].isin(some)], load_tokenizer(checkpoint))
    rows = [_row(RUN, mean, None)]
    with progress_line("baselines") as tell:
        for done, name in enumerate(NAMES):
            tell(BASELINES[name].label, done, len(NAMES))
            vectors, seconds = encode_baseline(name, text, dimensions)
            accuracy = translation_accuracy(sides_of(text.sentences, vectors))
            rows.append(_row(BASELINES[name].label, accuracy, seconds))
    return pd.DataFrame(rows).set_index("method")


def _row(method: str, mean: MeanAccuracy, seconds: float | None) -> dict[str, object]:
    return {
        "method": method,
        "accuracy": mean.value,
        "low": mean.low,
        "high": mean.high,
        "chance": mean.chance,
        "seconds": seconds,
    }


def baselines_in_words(table: pd.DataFrame) -> list[str]:
    """Conclusion on a run from `without_network`: how far words alone, in any order, come."""
    run, lsa = table.loc[RUN], table.loc[BASELINES[LSA].label]
    numbers = (
        f"Latent semantic indexing retrieves {lsa['accuracy']:.1%} [{lsa['low']:.1%}, {lsa['high']:.1%}], the run "
        f"{run['accuracy']:.1%} [{run['low']:.1%}, {run['high']:.1%}]; guessing {run['chance']:.1%}."
    )
    if lsa["high"] >= run["low"]:
        return [
            f"{numbers} **A bag of words does as well.** Retrieval here shows that the languages were aligned; it "
            "shows nothing of what attention, depth or the order of words are good for."
        ]
    return [f"{numbers} What lies between the two is what the run has beyond words that occur together."]
