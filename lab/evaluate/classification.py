"""Cross-lingual transfer: a classifier that has seen one language, tested on all.

Where sentences of one meaning lie together whatever their language, what was learned in one language holds in the
others (zero-shot transfer); the gap to the source language says how far they are apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.checkpoint import open_model
from core.errors import InputError
from core.text.corpus import Corpus
from core.text.tokenizer import load_tokenizer
from lab.evaluate.finetuning import fine_tuned
from lab.evaluate.ledger.subject import world_of
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import corpus_of
from lab.world import World

RESAMPLES: Final = 2_000
SENTENCES: Final = 2_000
Method = Literal["probe", "fine-tune"]
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class Transfer:
    """How a classifier did: `correct` [meanings, languages] is 1, 0, or NaN where a language lacks the meaning."""

    source: str
    languages: tuple[str, ...]
    meanings: np.ndarray
    correct: np.ndarray

    @property
    def targets(self) -> list[int]:
        """Columns of the languages that the classifier never saw."""
        return [at for at, tag in enumerate(self.languages) if tag != self.source]

    def rows(self, seed: int = 0) -> list[dict[str, Any]]:
        """Per language, and last for the mean over those never seen (language None): accuracy and gap to the source.

        Intervals are 95 % percentile bootstraps over meanings, all languages together, so that gaps are paired.
        """
        count = len(self.meanings)
        rng = np.random.default_rng(seed)
        weights = np.vstack([np.ones(count), rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)])
        known = ~np.isnan(self.correct)
        shares = (weights @ np.nan_to_num(self.correct)) / np.maximum(weights @ known, 1e-12)
        shares = np.column_stack([shares, shares[:, self.targets].mean(1)])
        own = shares[:, [self.languages.index(self.source)]]
        numbers = [*known.sum(0).tolist(), count]
        return [
            {
                "language": tag,
                **_interval(shares[:, at], "accuracy", ""),
                **_interval((own - shares)[:, at], "gap", "gap_"),
                "n": numbers[at],
            }
            for at, tag in enumerate([*self.languages, None])
        ]


def _interval(values: np.ndarray, name: str, prefix: str) -> dict[str, float]:
    """The first value, and the interval of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return {name: float(values[0]), f"{prefix}low": float(low), f"{prefix}high": float(high)}


def classify_run(
    run: Run,
    source: str = "en",
    method: Method = "probe",
    labels: Path | None = None,
    layer: int | None = None,
    pooling: str | None = None,
    sentences: int = SENTENCES,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Zero-shot accuracy of every language and its gap to the source language; kept in the run's scores.

    Args:
        run: with a checkpoint. It is trained on its corpus' sentences in `source` and tested on held-out meanings.
        source: language that the classifier learns from.
        method: "probe" is logistic regression on sentence vectors, which leaves the encoder as it is; "fine-tune"
            trains the encoder with it.
        labels: a .tsv, .csv or .parquet file with the columns meaning and label; default: the world's relations,
            so that the question is what a sentence tells of.
        layer: hidden state that is read; default: the one that retrieval reads, the last one for fine-tuning.
        pooling: of the tokens; default: the run's.
        sentences: to learn from, at most.
        seed: of the sentences drawn, of the fine-tuning and of the bootstrap.
        progress: called with what is done and in all.

    Raises:
        InputError: no checkpoint, no such language or layer, or text without labels.
    """
    checkpoint, settings = run.checkpoint(), run.info.settings
    if checkpoint is None:
        raise InputError(
            f"run {run.name} has no checkpoint yet: let it train, or lower --measure.checkpoint-every"
        )
    model, tokenizer = open_model(checkpoint, settings).to(model_device()), load_tokenizer(checkpoint)
    top = model.encoder.config.num_hidden_layers
    own = top if method == "fine-tune" else min(settings.evaluation_layer, top)
    layer = own if layer is None else layer
    if not 0 <= layer <= top:
        raise InputError(f"expected a layer from 0 to {top}, got {layer}")
    pooling = pooling or settings.measure.pooling
    train, test = labelled(run, source, labels, sentences, seed)
    told, texts = train["label"].to_numpy(dtype=str), train["text"].tolist()
    asked = test["text"].tolist()
    if method == "fine-tune":
        rate = settings.optimizer.learning_rate / 10
        predict = fine_tuned(model, tokenizer, texts, told, layer, pooling, rate, seed, progress)
        found = predict(asked)
    else:
        vectors = encode(model, tokenizer, [*texts, *asked], [layer], pooling, progress)[layer]
        found = probed(vectors[: len(texts)], told, vectors[len(texts) :])
    result = transfer(test, found, source)
    rows = result.rows(seed)
    run.write_scores("classification", _scores(rows, source, layer, method))
    _, frequency = np.unique(told, return_counts=True)
    return {
        "run": run.name,
        "task": "classification",
        "method": method,
        "source": source,
        "layer": layer,
        "pooling": pooling,
        "classes": len(frequency),
        "majority": float((test["label"] == pd.Series(told).mode()[0]).mean()),
        "sentences": len(texts),
        "mean": rows[-1],
        "rows": rows[:-1],
    }


def probed(vectors: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Labels of other vectors by logistic regression on standardised ones, [asked]."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    return probe.fit(vectors, labels).predict(asked)


def labelled(
    run: Run, source: str, labels: Path | None = None, sentences: int = SENTENCES, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sentences to learn from, in one language, and held-out ones in all: meaning, language, text, label.

    No meaning is in both: those to learn from are drawn from what the run trained on.
    """
    corpus = corpus_of(run)
    if source not in corpus.languages:
        raise InputError(
            f"expected a language out of {' '.join(corpus.languages)}, got {source!r}: choose another --source"
        )
    test = run.held_out()
    train = _of_language(corpus, source, test["meaning"].to_numpy())
    known = read_labels(labels) if labels else _labels_of_world(corpus)
    train, test = (table.assign(label=known(table["meaning"].to_numpy())) for table in (train, test))
    train, test = train.dropna(subset="label"), test.dropna(subset="label")
    classes = len(set(train["label"]))
    if classes < 2 or test.empty:
        raise InputError(
            f"expected two labels or more for {source} sentences of {run.name} and some for held-out ones, got "
            f"{classes} and {len(test)} sentences: check --labels"
        )
    order = np.random.default_rng([seed, 6]).permutation(len(train))[:sentences]
    return train.iloc[order].reset_index(drop=True), test.reset_index(drop=True)


Labels = Callable[[np.ndarray], np.ndarray]


def read_labels(path: Path) -> Labels:
    """Labels by meaning, from a file with the columns meaning and label; NaN for meanings it does not have.

    Raises:
        InputError: it cannot be read, lacks a column, or labels a meaning in two ways.
    """
    readers: Mapping[str, Callable[..., pd.DataFrame]] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    try:
        table = pd.read_csv(path, sep="\t") if path.suffix == ".tsv" else readers[path.suffix](path)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"expected labels as .tsv, .csv or .parquet, got {path}: {error}") from error
    if not {"meaning", "label"} <= set(table):
        raise InputError(f"{path}: expected the columns meaning and label, got {' '.join(map(str, table))}")
    table = table[["meaning", "label"]].drop_duplicates()
    if twice := table.loc[table["meaning"].duplicated(), "meaning"].tolist():
        raise InputError(f"{path}: meaning {twice[0]} has two labels: give it one")
    known = table.set_index("meaning")["label"].astype(str)
    return lambda meanings: known.reindex(meanings).to_numpy()


def _labels_of_world(corpus: Corpus) -> Labels:
    world = world_of(corpus)
    if world is None:
        raise InputError(f"{corpus.folder} has no labels of its own: name a file of them with --labels")
    return lambda meanings: relations_of(world, meanings)


def relations_of(world: World, meanings: np.ndarray) -> np.ndarray:
    """The relation that each meaning tells, the first one where it tells two facts."""
    first = meanings // world.facts.total ** (world.num_facts - 1)
    return np.array(world.facts.relations)[world.facts.unpack(first)[0]]


def _of_language(corpus: Corpus, tag: str, excluded: np.ndarray) -> pd.DataFrame:
    parts = []
    for batch in corpus.batches():
        table = batch.to_pandas().astype({"language": str})
        parts.append(table[(table["language"] == tag) & ~table["meaning"].isin(excluded)])
    return pd.concat(parts, ignore_index=True).drop_duplicates("meaning")


def transfer(test: pd.DataFrame, found: np.ndarray, source: str) -> Transfer:
    """Which sentences a classifier got right, by meaning and language."""
    right = test.assign(correct=(test["label"].to_numpy() == found).astype(float))
    wide = right.pivot(index="meaning", columns="language", values="correct").sort_index(axis=1)
    if source not in wide or len(wide.columns) < 2:
        raise InputError(
            f"transfer needs held-out sentences in {source} and in another language, got "
            f"{' '.join(wide.columns)}: hold out translations"
        )
    return Transfer(source, tuple(wide.columns), wide.index.to_numpy(), wide.to_numpy())


def _scores(rows: list[dict[str, Any]], source: str, layer: int, method: str) -> pd.DataFrame:
    told = [
        (row["language"] or "", f"{method} {name}", row[name], row[f"{prefix}low"], row[f"{prefix}high"], row["n"])
        for row in rows for name, prefix in (("accuracy", ""), ("gap", "gap_"))
    ]  # fmt: skip
    table = pd.DataFrame(told, columns=["target", "metric", "value", "low", "high", "n"])
    return table.assign(task="classification", layer=layer, source=source, unit="share")
