"""Baselines without a network, beside the arms of a study: measured once per text, unit by unit like a cell."""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from core.progress import Progress
from core.text.corpus import Corpus
from core.text.tokenizer import Tokenizer, load_tokenizer
from lab import store
from lab.evaluate.baselines import BASELINES, Text, encode_baseline, training_sentences
from lab.evaluate.means import by_meaning, mean_accuracy
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.roles import CHANCE, Questions
from lab.store import Run
from lab.store.study import BASELINE_UNITS
from lab.store.tables import read_table, write_table
from lab.text import corpus_of, world_of

NAMES: Final = ("lsa", "tokens")
DIMENSIONS: Final = 128
VERSION: Final = 2
"""Version of the meaning of baseline units; units of another version are measured again."""


def measure_baselines(run: Run, progress: Progress) -> pd.DataFrame:
    """The baseline units of a cell's text: baseline, label, metric, unit, total, weight, chance.

    Cells of one text share them; they are kept among what can be made again.

    Raises:
        InputError: the text is gone or has changed.
    """
    tokenizer = run.read_checkpoint(load_tokenizer)
    path = store.cache_folder() / f"baselines-{_digest(run, tokenizer)}.parquet"
    if not path.is_file():
        progress("measuring what needs no network, once per text", 0, 1)
        write_table(path, baseline_units(run.held_out(), corpus_of(run), tokenizer))
    return read_table(path, BASELINE_UNITS)


def _digest(run: Run, tokenizer: Tokenizer) -> str:
    held_out = np.unique(run.held_out()["meaning"])
    meanings = hashlib.sha256(held_out.astype(np.int64).tobytes()).hexdigest()
    key = [VERSION, NAMES, DIMENSIONS, run.info.corpus_hash, tokenizer.digest, meanings]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def baseline_units(held_out: pd.DataFrame, corpus: Corpus, tokenizer: Tokenizer) -> pd.DataFrame:
    """Units of every baseline on held-out sentences (columns meaning, language, text), learned from the others.

    Retrieval, and role facts where a world told some. A baseline that learns from translations is left out where there
    are fewer than two.
    """
    training = training_sentences(corpus, held_out["meaning"].unique())
    text = Text.of(held_out, training, tokenizer)
    names = [name for name in NAMES if text.serves(name)]
    parts = [part for name in names for part in _retrieval(name, text)]
    questions = Questions.of_held_out(world_of(corpus), held_out)
    if questions is not None:
        role_text = Text.of(questions.sentences, training, tokenizer)
        parts += [_roles(name, role_text, questions) for name in names]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(BASELINE_UNITS))


def _retrieval(name: str, text: Text) -> Iterable[pd.DataFrame]:
    """Retrieval of a baseline by meaning; nothing where no direction is large enough to be averaged."""
    vectors, _ = encode_baseline(name, text, DIMENSIONS)
    directions = retrieval(sides_of(text.sentences, vectors))
    mean, shares = mean_accuracy(directions), by_meaning(directions)
    if mean is not None:
        yield _units(name, "retrieval", shares.meanings, shares.totals, shares.weights, mean.chance)


def _roles(name: str, text: Text, questions: Questions) -> pd.DataFrame:
    vectors, _ = encode_baseline(name, text, DIMENSIONS)
    return _units(name, "roles", questions.facts, *questions.by_fact(vectors), CHANCE)


def _units(
    name: str, metric: str, unit: np.ndarray, total: np.ndarray, weight: np.ndarray, chance: float
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "baseline": name,
            "label": label(name),
            "metric": metric,
            "part": "",
            "unit": unit,
            "total": total,
            "weight": weight,
            "chance": chance,
        }
    )


def label(name: str) -> str:
    """What a baseline is, with its dimensions where it reduces to so many."""
    known = BASELINES[name]
    return f"{known.label}, {DIMENSIONS} dimensions" if known.learns else known.label
