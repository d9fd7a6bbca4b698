"""Cross-lingual transfer: a classifier that has seen one language, tested on all.

Where sentences of one meaning lie together whatever their language, what was learned in one language holds in the
others (zero-shot transfer); the gap to the source language says how far they are apart.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import InputError
from core.progress import Progress, no_progress
from core.streams import CLASSIFICATION
from core.text.corpus import Corpus
from lab.evaluate.finetuning import fine_tuned
from lab.evaluate.intervals import binomial_interval, share_interval
from lab.evaluate.labels import labels_of_world, read_labels
from lab.evaluate.trained import trained_model
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import corpus_of

SENTENCES: Final = 2_000
Method = Literal["probe", "fine-tune"]


@dataclass(frozen=True)
class Transfer:
    """Answers of a classifier: `correct` [meanings, languages] is 1, 0, or NaN where a language lacks the meaning."""

    source: str
    languages: tuple[str, ...]
    meanings: np.ndarray
    correct: np.ndarray

    @property
    def targets(self) -> list[int]:
        """Columns of the languages that the classifier never saw."""
        return [at for at, tag in enumerate(self.languages) if tag != self.source]

    def rows(self) -> list[dict[str, Any]]:
        """Accuracy and gap to the source per language, and last of the mean over languages never seen (language None).

        95 % intervals: of a language Clopper and Pearson's; of the mean `share_interval` over meanings; of a gap
        `gap_interval`.
        """
        known, source = ~np.isnan(self.correct), self.languages.index(self.source)
        right, counts = np.nan_to_num(self.correct), known.sum(0)
        weights = known[:, self.targets] / counts[self.targets] / len(self.targets)
        total = (right[:, self.targets] * weights).sum(1)
        accuracy = [*(right.sum(0) / counts), total.sum()]
        of_one, of_mean = binomial_interval(right.sum(0), counts), share_interval(total, weights.sum(1))
        columns = [*([at] for at in range(len(self.languages))), self.targets]
        gaps = [gap_interval(right, known, source, targets) for targets in columns]
        return [
            {
                "language": tag,
                **_numbers(
                    accuracy[at], np.append(of_one[0], of_mean[0])[at], np.append(of_one[1], of_mean[1])[at]
                ),
                **_numbers(accuracy[source] - accuracy[at], *gaps[at], "gap", "gap_"),
                "n": int([*counts, len(self.meanings)][at]),
            }
            for at, tag in enumerate([*self.languages, None])
        ]


def _numbers(value: Any, low: Any, high: Any, name: str = "accuracy", prefix: str = "") -> dict[str, float]:
    return {name: float(value), f"{prefix}low": float(low), f"{prefix}high": float(high)}


def gap_interval(
    right: np.ndarray, known: np.ndarray, source: int, targets: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the accuracy in a source language less the mean accuracy in others, paired by meaning.

    A gap g is measured by (1 + g) / 2, the share of answers that are right in the source or wrong elsewhere. Its
    `share_interval` takes a meaning's answers in all languages together, so that what is hard in each cancels.

    Args:
        right: [..., meanings, languages], 1 where the answer is right.
        known: the same shape, whether the language has the meaning.
        source: column of the source.
        targets: columns of the others; the source has no gap to itself.
    """
    if targets == [source]:
        zero = np.zeros(right.shape[:-2])
        return zero, zero
    weights = known / known.sum(-2, keepdims=True)
    source_weights, others = weights[..., source] / 2, weights[..., targets] / len(targets) / 2
    total = right[..., source] * source_weights + ((1 - right[..., targets]) * others).sum(-1)
    low, high = share_interval(total, source_weights + others.sum(-1))
    return 2 * low - 1, 2 * high - 1


def classify_run(
    run: Run,
    source: str = "en",
    method: Method = "probe",
    labels: Path | None = None,
    layer: int | None = None,
    pooling: str | None = None,
    sentences: int = SENTENCES,
    seed: int = 0,
    progress: Progress = no_progress,
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
        seed: of the sentences drawn and of the fine-tuning.
        progress: called with what is done and in all.

    Raises:
        InputError: no checkpoint, no such language or layer, or text without labels.
    """
    trained, settings = trained_model(run), run.info.settings
    model, tokenizer = trained.model.to(model_device()), trained.tokenizer
    top = model.encoder.config.num_hidden_layers
    default_layer = top if method == "fine-tune" else settings.evaluation_layer_of(top)
    layer = default_layer if layer is None else layer
    if not 0 <= layer <= top:
        raise InputError(f"expected a layer from 0 to {top}, got {layer}")
    pooling = pooling or settings.measure.pooling
    train, test = labelled(run, source, labels, sentences, seed)
    labels_of_train, texts = train["label"].to_numpy(dtype=str), train["text"].tolist()
    queries = test["text"].tolist()
    if method == "fine-tune":
        rate = settings.optimizer.learning_rate / 10
        predict = fine_tuned(model, tokenizer, texts, labels_of_train, layer, pooling, rate, seed, progress)
        predicted = predict(queries)
    else:
        vectors = encode(model, tokenizer, [*texts, *queries], [layer], pooling, progress)[layer]
        predicted = probed(vectors[: len(texts)], labels_of_train, vectors[len(texts) :])
    result = transfer(test, predicted, source)
    rows = result.rows()
    run.write_scores("classification", _scores(rows, source, layer, method))
    _, frequency = np.unique(labels_of_train, return_counts=True)
    return {
        "run": run.name,
        "task": "classification",
        "method": method,
        "source": source,
        "layer": layer,
        "pooling": pooling,
        "classes": len(frequency),
        "majority": float((test["label"] == pd.Series(labels_of_train).mode()[0]).mean()),
        "sentences": len(texts),
        "mean": rows[-1],
        "rows": rows[:-1],
    }


def probed(vectors: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Labels of `queries` by logistic regression on standardised vectors, [queries]."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000))
    return probe.fit(vectors, labels).predict(queries)


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
    known = read_labels(labels) if labels else labels_of_world(corpus)
    train, test = (table.assign(label=known(table["meaning"].to_numpy())) for table in (train, test))
    train, test = train.dropna(subset="label"), test.dropna(subset="label")
    classes = len(set(train["label"]))
    if classes < 2 or test.empty:
        raise InputError(
            f"expected two labels or more for {source} sentences of {run.name} and some for held-out ones, got "
            f"{classes} and {len(test)} sentences: check --labels"
        )
    order = np.random.default_rng([seed, CLASSIFICATION]).permutation(len(train))[:sentences]
    return train.iloc[order].reset_index(drop=True), test.reset_index(drop=True)


def _of_language(corpus: Corpus, tag: str, excluded: np.ndarray) -> pd.DataFrame:
    parts = []
    for batch in corpus.batches():
        table = batch.to_pandas().astype({"language": str})
        parts.append(table[(table["language"] == tag) & ~table["meaning"].isin(excluded)])
    return pd.concat(parts, ignore_index=True).drop_duplicates("meaning")


def transfer(test: pd.DataFrame, predicted: np.ndarray, source: str) -> Transfer:
    """The answers of a classifier, right or wrong, by meaning and language."""
    right = test.assign(correct=(test["label"].to_numpy() == predicted).astype(float))
    wide = right.pivot(index="meaning", columns="language", values="correct").sort_index(axis=1)
    if source not in wide or len(wide.columns) < 2:
        raise InputError(
            f"transfer needs held-out sentences in {source} and in another language, got "
            f"{' '.join(wide.columns)}: hold out translations"
        )
    return Transfer(source, tuple(wide.columns), wide.index.to_numpy(), wide.to_numpy())


def _scores(rows: list[dict[str, Any]], source: str, layer: int, method: str) -> pd.DataFrame:
    scores = [
        (row["language"] or "", f"{method} {name}", row[name], row[f"{prefix}low"], row[f"{prefix}high"], row["n"])
        for row in rows for name, prefix in (("accuracy", ""), ("gap", "gap_"))
    ]  # fmt: skip
    table = pd.DataFrame(scores, columns=["target", "metric", "value", "low", "high", "n"])
    return table.assign(task="classification", layer=layer, source=source, unit="share")
