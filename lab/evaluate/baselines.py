"""Retrieval without a network, measured like a run's: what an accuracy has to be compared with.

Every baseline reads the same held-out sentences and, where it learns, the same training translations as the run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError, unknown
from core.progress import Progress, no_progress
from core.streams import BASELINE_TEXT
from core.text.corpus import Corpus, open_corpus
from core.text.tokenizer import Tokenizer, load_tokenizer
from lab.evaluate.bags import (
    CanonicalCorrelation,
    LanguageViews,
    LatentSemantics,
    character_overlap,
    random_vectors,
    token_overlap,
)
from lab.evaluate.means import translation_accuracy
from lab.evaluate.retrieval import sides_of
from lab.store import Run
from lab.text import all_sentences, corpus_of, held_out_sentences

TRAINING_MEANINGS: Final = 30_000
"""Translations that a baseline learns from, drawn at random where there are more."""
DIMENSIONS: Final = 400
RANDOM_DIMENSIONS: Final = 64
DOCUMENT: Final = "baselines"
"""The document of a run that holds what `evaluate_baselines` returned."""


@dataclass(frozen=True)
class Text:
    """What baselines read: held-out sentences and training translations (columns meaning, language, text)."""

    sentences: pd.DataFrame
    translations: pd.DataFrame
    tokenizer: Tokenizer

    @classmethod
    def of(cls, sentences: pd.DataFrame, training: pd.DataFrame, tokenizer: Tokenizer) -> "Text":
        """Keeps only meanings of the training text that two languages tell."""
        shared = training.groupby("meaning")["language"].transform("nunique") > 1
        return cls(sentences.reset_index(drop=True), training[shared], tokenizer)

    def serves(self, name: str) -> bool:
        """Whether the training text has the translations that a baseline learns from."""
        return not BASELINES[name].learns or self.translations["meaning"].nunique() > 1


Encoder = Callable[[Text, int, int], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """A way to sentence vectors: name, what it is in one line, source, and whether it learns from translations."""

    name: str
    label: str
    source: str
    learns: bool
    encode: Encoder


def _latent_semantics(text: Text, dimensions: int, seed: int) -> np.ndarray:
    views = LanguageViews.of(text.translations, text.tokenizer)
    return LatentSemantics(views, dimensions, seed).encode(text.tokenizer, text.sentences)


def _canonical_correlation(text: Text, dimensions: int, seed: int) -> np.ndarray:
    views = LanguageViews.of(text.translations, text.tokenizer)
    return CanonicalCorrelation(views, dimensions, seed).encode(text.tokenizer, text.sentences)


BASELINES: Final[dict[str, Baseline]] = {
    baseline.name: baseline
    for baseline in (
        Baseline("random", "random vectors", "", False,
                 lambda text, _, seed: random_vectors(len(text.sentences), RANDOM_DIMENSIONS, seed)),
        Baseline("tokens", "token overlap (tf-idf)", "Salton and Buckley 1988", False,
                 lambda text, _, __: token_overlap(text.tokenizer, text.sentences["text"].tolist())),
        Baseline("characters", "character n-grams (tf-idf)", "Cavnar and Trenkle 1994", False,
                 lambda text, _, __: character_overlap(text.sentences["text"].tolist())),
        Baseline("lsa", "cross-lingual latent semantic indexing", "Dumais et al. 1997", True, _latent_semantics),
        Baseline("cca", "generalised canonical correlation", "Kettenring 1971", True, _canonical_correlation),
    )
}  # fmt: skip


def encode_baseline(
    name: str, text: Text, dimensions: int = DIMENSIONS, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Sentence vectors of a baseline, [sentences, dimensions], and the seconds that learning and encoding took.

    Raises:
        InputError: there is no such baseline, or it learns from translations and there are fewer than two.
    """
    if name not in BASELINES:
        raise unknown("a baseline", name, BASELINES)
    if not text.serves(name):
        raise InputError(
            f"the baseline {name} learns from translations, and the training text has "
            f"{text.translations['meaning'].nunique()}: leave it out, or add translations"
        )
    began = time.perf_counter()
    vectors = BASELINES[name].encode(text, dimensions, seed)
    return vectors, time.perf_counter() - began


def evaluate_baselines(
    run: Run,
    corpus_folder: Path | None = None,
    dimensions: int = DIMENSIONS,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Retrieval of every baseline on the sentences that a run is measured on, learned from the run's training text.

    Baselines that learn from translations are left out where the training text has none. On the run's own held-out
    text the document is written into the run, after every baseline: `left` names those that are still to be measured.

    Args:
        run: whose tokenizer, training text and held-out sentences are read.
        corpus_folder: other sentences to measure on; default: the run's held-out ones.
        dimensions: of the baselines that reduce.
        progress: called with baselines done and in all.

    Raises:
        InputError: no checkpoint yet, text that is gone or has changed, or nothing to retrieve.
    """
    text = text_of_run(run, corpus_folder)
    names = [name for name in BASELINES if text.serves(name)]
    document: dict[str, Any] = {
        "run": run.name,
        "task": "baselines",
        "dimensions": dimensions,
        "training_meanings": int(text.translations["meaning"].nunique()),
        "sentences": len(text.sentences),
        "left": names,
        "rows": [],
    }
    for done, name in enumerate(names, start=1):
        document["rows"].append(measure_baseline(name, text, dimensions))
        document["left"] = names[done:]
        if corpus_folder is None:
            run.write_document(DOCUMENT, document)
        progress("baselines", done, len(names))
    return document


def text_of_run(run: Run, corpus_folder: Path | None = None, meanings: int = TRAINING_MEANINGS) -> Text:
    """Text that baselines read in place of a run: its held-out sentences, or a corpus, and its training text.

    Raises:
        InputError: no checkpoint yet, or text that is gone or has changed.
    """
    checkpoint = run.checkpoint()
    if checkpoint is None:
        raise InputError(f"run {run.name} has no checkpoint yet, so no tokenizer: let it train")
    sentences = all_sentences(open_corpus(corpus_folder)) if corpus_folder else run.held_out()
    training = training_sentences(corpus_of(run), run.held_out()["meaning"].unique(), meanings)
    return Text.of(sentences, training, load_tokenizer(checkpoint))


def measure_baseline(name: str, text: Text, dimensions: int) -> dict[str, Any]:
    """The mean retrieval of a baseline with its interval, and the seconds that it took."""
    vectors, seconds = encode_baseline(name, text, dimensions)
    mean = translation_accuracy(sides_of(text.sentences, vectors))
    return {
        "baseline": name,
        "label": BASELINES[name].label,
        "source": BASELINES[name].source,
        "accuracy": mean.value,
        "low": mean.low,
        "high": mean.high,
        "chance": mean.chance,
        "pools": list(mean.pools),
        "directions": mean.directions,
        "seconds": seconds,
    }


def training_sentences(corpus: Corpus, held_out: np.ndarray, count: int = TRAINING_MEANINGS) -> pd.DataFrame:
    """Sentences of at most so many meanings that are not held out, drawn at random."""
    columns = [batch.column("meaning").to_numpy() for batch in corpus.batches(("meaning",))]
    meanings = np.setdiff1d(np.unique(np.concatenate(columns)), held_out)
    drawn = np.random.default_rng(BASELINE_TEXT).permutation(meanings)[:count]
    return held_out_sentences(corpus, drawn)
