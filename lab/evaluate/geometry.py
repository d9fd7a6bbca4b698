"""Hubs, anisotropy and language in sentence vectors, as they are and under treatments that train nothing.

No one of these numbers tells quality; each stands beside that of random vectors of the same width.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist
from sklearn.linear_model import LogisticRegression

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.evaluate.directions import plan
from lab.evaluate.encoded import EncodedSentences
from lab.evaluate.hubness import hubness
from lab.evaluate.intervals import binomial_interval
from lab.evaluate.means import mean_accuracy
from lab.evaluate.nearness import Nearness
from lab.evaluate.pools import PoolRule, distinct_texts
from lab.evaluate.retrieval import sides_of, survey
from lab.evaluate.treatments import TREATMENTS, FitText
from lab.projection import unit

PAIRED: Final = 2_000
"""Sentences whose pairwise distances are read: two million pairs."""
PROBED: Final = 20_000
"""Sentences that the probe of languages is fitted on, at most."""
UNIFORMITY: Final = 2.0
"""Factor t of the Gaussian potential exp(-t d^2) (Wang and Isola 2020)."""


def evaluate_geometry(
    encoded: EncodedSentences,
    rule: PoolRule,
    neighbours: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Retrieval, hubs and geometry of sentence vectors under every treatment.

    Treatments, and the probe of languages, are fitted on half of the meanings, drawn at random; everything is read on
    the other half.

    Args:
        encoded: sentences with their vectors.
        rule: for pools and directions.
        neighbours: that CSLS and margin correct for.
        seed: draws the half of the meanings.
        progress: called with treatments done and in all.

    Raises:
        InputError: fewer than four meanings, or no direction between two languages is large enough.
    """
    sentences, languages = encoded.sentences, encoded.sentences["language"].to_numpy(dtype=str)
    meanings = sentences["meaning"].to_numpy()
    distinct = np.unique(meanings)
    if len(distinct) < 4:
        raise InputError(
            f"expected text of at least 4 meanings, got {len(distinct)}: name more with --corpus"
        )
    drawn = np.random.default_rng(seed).permutation(distinct)[: len(distinct) // 2]
    fitted = np.isin(meanings, drawn)
    text = FitText(encoded.vectors[fitted], meanings[fitted], languages[fitted])
    rows = []
    for done, treatment in enumerate(TREATMENTS):
        apply = treatment.fit(text)
        treated = apply(encoded.vectors[~fitted], languages[~fitted])
        fit_vectors = apply(text.vectors, text.languages)
        row = _row(sentences[~fitted], treated, (fit_vectors, text.languages), rule, neighbours)
        rows.append(
            {"treatment": treatment.name, "label": treatment.label, "source": treatment.source, **row}
        )
        progress("treatments", done + 1, len(TREATMENTS))
    return {
        "task": "geometry", "layer": encoded.layer, "pooling": encoded.pooling, "prompt": encoded.prompt,
        "reading": encoded.reading, "meanings": len(distinct) - len(drawn), "fitted_on": len(drawn),
        "sentences": int((~fitted).sum()), "width": int(encoded.vectors.shape[1]), "neighbours": neighbours,
        "index": rule.index, "rows": rows,
    }  # fmt: skip


def _row(
    sentences: pd.DataFrame,
    vectors: np.ndarray,
    fit: tuple[np.ndarray, np.ndarray],
    rule: PoolRule,
    neighbours: int,
) -> dict[str, Any]:
    return {
        **_retrieval(sentences, vectors, rule, neighbours),
        **_hubs(sentences, vectors, rule),
        **_spread(vectors, sentences["meaning"].to_numpy()),
        **_language(fit, vectors, sentences["language"].to_numpy(dtype=str)),
    }


def _retrieval(
    sentences: pd.DataFrame, vectors: np.ndarray, rule: PoolRule, neighbours: int
) -> dict[str, Any]:
    """Mean accuracy by cosine, CSLS and margin with its interval; chance, pools and directions are those of all."""
    sides, row = sides_of(sentences, vectors), dict[str, Any]()
    for measure in ("cosine", "csls", "margin"):
        mean = mean_accuracy(survey(sides, rule, nearness=Nearness(measure, neighbours)).directions)
        if mean is None:
            raise InputError(
                "no direction between two languages is large enough: name more text with --corpus"
            )
        row |= {measure: mean.value, f"{measure}_low": mean.low, f"{measure}_high": mean.high}
        row |= {"chance": mean.chance, "pools": list(mean.pools), "directions": mean.directions}
    return row


def _hubs(sentences: pd.DataFrame, vectors: np.ndarray, rule: PoolRule) -> dict[str, Any]:
    """Means over the directions; the interval of reciprocity takes its queries for independent."""
    texts = distinct_texts(sides_of(sentences, vectors), rule.seed)
    hubs = [
        hubness(texts[source].vectors, texts[target].vectors) for source, target in plan(texts, rule).pairs
    ]
    reciprocal = np.array([each.reciprocal.mean() for each in hubs])
    queries = min(len(each.reciprocal) for each in hubs)
    low, high = binomial_interval(reciprocal.mean() * queries, queries)
    return {
        "hub_skew": float(np.mean([each.skew for each in hubs])),
        "anti_hubs": float(np.mean([each.anti_hubs for each in hubs])),
        "reciprocity": float(reciprocal.mean()), "reciprocity_low": float(low), "reciprocity_high": float(high),
        "occurrence": hubs[0].neighbours,
    }  # fmt: skip


def _spread(vectors: np.ndarray, meanings: np.ndarray) -> dict[str, float]:
    """Mean cosine of sentences with other meanings, uniformity, and the effective number of dimensions."""
    some = np.random.default_rng(0).permutation(len(vectors))[:PAIRED]
    part = unit(vectors[some]).astype(np.float64)
    squared = pdist(part, "sqeuclidean")
    unlike = pdist(meanings[some][:, None], "hamming") > 0
    spectrum = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False).astype(np.float64) ** 2
    return {
        "unrelated_cosine": float((1 - squared[unlike] / 2).mean()),
        "uniformity": float(np.log(np.exp(-UNIFORMITY * squared).mean())),
        "effective_dimensions": float(spectrum.sum() ** 2 / (spectrum**2).sum()),
    }


def _language(
    fit: tuple[np.ndarray, np.ndarray], vectors: np.ndarray, languages: np.ndarray
) -> dict[str, float | None]:
    """Accuracy of a linear probe that tells the language of a sentence, with its interval, and the largest class."""
    some = np.random.default_rng(0).permutation(len(fit[0]))[:PROBED]
    shares = pd.Series(languages).value_counts(normalize=True)
    if len(np.unique(fit[1][some])) < 2:
        return {"language": None, "language_low": None, "language_high": None, "language_chance": None}
    probe: Any = LogisticRegression(max_iter=200).fit(unit(fit[0][some]), fit[1][some])
    hits = int((probe.predict(unit(vectors)) == languages).sum())
    low, high = binomial_interval(hits, len(languages))
    return {
        "language": hits / len(languages), "language_low": float(low), "language_high": float(high),
        "language_chance": float(shares.iloc[0]),
    }  # fmt: skip


def best_untrained(rows: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The treatment, random vectors left out, with the highest accuracy by cosine."""
    return max((row for row in rows if row["treatment"] != "random"), key=lambda row: row["cosine"])
