"""Sentence vectors that need no network: bags of tokens and of characters, and what linear algebra makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.random_projection import SparseRandomProjection

from core.text.tokenizer import Tokenizer

Sparse = sparse.csr_matrix
DENSE_COLUMNS: Final = 8_192
"""Columns up to which a bag is compared as it is; wider ones are projected at random to half as many."""


def token_counts(tokenizer: Tokenizer, texts: Sequence[str]) -> Sparse:
    """How often each sentence holds each token, [texts, vocabulary]; `<s>` and `</s>` are left out."""
    rows = [row[1:-1] for row in tokenizer.encode(texts)]
    lengths = np.array([len(row) for row in rows])
    columns = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    owners = np.repeat(np.arange(len(rows)), lengths)
    counts = (np.ones(len(columns), dtype=np.float32), (owners, columns))
    return sparse.csr_matrix(counts, shape=(len(rows), tokenizer.size))


def token_overlap(tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Tf-idf weighted tokens, [texts, columns]: what languages share in spelling, and nothing that was learned."""
    return dense(TfidfTransformer(sublinear_tf=True).fit_transform(token_counts(tokenizer, texts)))


def character_overlap(texts: Sequence[str]) -> np.ndarray:
    """Tf-idf weighted character 2- to 4-grams inside words, [texts, columns]."""
    bags = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32)
    return dense(bags.fit_transform(texts))


def dense(bags: Sparse) -> np.ndarray:
    """Bags as an array whose inner products are those of the bags, within 1 / sqrt(columns) where it is projected."""
    if columns_of(bags) <= DENSE_COLUMNS:
        return bags.toarray()
    projection = SparseRandomProjection(DENSE_COLUMNS // 2, dense_output=True, random_state=0)
    return projection.fit_transform(bags).astype(np.float32)


def columns_of(matrix: Sparse) -> int:
    """The number of columns; scipy types a shape as one that may not be known."""
    shape: Any = matrix.shape
    return int(shape[1])


def random_vectors(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Independent normal vectors, [count, dimensions]: what retrieval reads where nothing is known."""
    return np.random.default_rng(seed).standard_normal((count, dimensions), dtype=np.float32)


@dataclass(frozen=True)
class LanguageViews:
    """Training translations as one tf-idf matrix per language, rows aligned by meaning; a missing sentence is empty.

    Attributes:
        views: by language, [meanings, vocabulary].
        weights: by language, the fitted inverse document frequencies.
    """

    views: Mapping[str, Sparse]
    weights: Mapping[str, TfidfTransformer]

    @classmethod
    def of(cls, translations: pd.DataFrame, tokenizer: Tokenizer) -> "LanguageViews":
        """Builds the views from sentences (columns meaning, language, text), one per meaning and language."""
        meanings = np.unique(translations["meaning"])
        views, weights = dict[str, Sparse](), dict[str, TfidfTransformer]()
        for tag, part in translations.groupby("language", sort=True):
            weight = TfidfTransformer(sublinear_tf=True)
            weighted = weight.fit_transform(token_counts(tokenizer, part["text"].tolist()))
            place = np.searchsorted(meanings, part["meaning"].to_numpy())
            scatter = sparse.csr_matrix(
                (np.ones(len(place), dtype=np.float32), (place, np.arange(len(place)))),
                shape=(len(meanings), len(place)),
            )
            views[str(tag)], weights[str(tag)] = sparse.csr_matrix(scatter @ weighted), weight
        return cls(views, weights)


def _components(matrix: Any, dimensions: int, seed: int) -> np.ndarray:
    """The leading right singular vectors, [columns, dimensions]."""
    svd: Any = TruncatedSVD(dimensions, n_iter=4, random_state=seed).fit(matrix)
    return svd.components_.T


class LatentSemantics:
    """Cross-lingual latent semantic indexing (Dumais, Letsche, Littman and Landauer 1997).

    The tokens of all translations of a meaning stand side by side in one row, each language with columns of its own.
    The singular vectors of that matrix span a space that all languages share; a sentence alone is folded in by the
    columns of its language, x V.
    """

    def __init__(self, views: LanguageViews, dimensions: int, seed: int = 0) -> None:
        self._weights = views.weights
        joint = sparse.hstack(list(views.views.values()), format="csr")
        dimensions = min(dimensions, min(joint.shape) - 1)
        components = _components(joint, dimensions, seed)
        ends = np.cumsum([columns_of(view) for view in views.views.values()])[:-1]
        self._maps = dict(zip(views.views, np.split(components.astype(np.float32), ends), strict=True))

    def encode(self, tokenizer: Tokenizer, sentences: pd.DataFrame) -> np.ndarray:
        """Vectors of sentences (columns language, text), [sentences, dimensions]; zero for an unknown language."""
        dimensions = next(iter(self._maps.values())).shape[1]
        vectors = np.zeros((len(sentences), dimensions), dtype=np.float32)
        languages = sentences["language"].to_numpy()
        for tag, columns in self._maps.items():
            rows = np.flatnonzero(languages == tag)
            if len(rows):
                counts = token_counts(tokenizer, sentences["text"].iloc[rows].tolist())
                vectors[rows] = self._weights[tag].transform(counts) @ columns
        return vectors


class CanonicalCorrelation(LatentSemantics):
    """Generalised canonical correlation of all languages (MAXVAR; Kettenring 1971), on reduced bags of tokens.

    Each language is first reduced and whitened by its own singular vectors, U; the leading singular vectors of the
    whitened views side by side are what all languages agree on. With two languages these are the canonical variates.
    """

    def __init__(self, views: LanguageViews, dimensions: int, seed: int = 0) -> None:
        self._weights = views.weights
        whitened, maps = [], []
        for view in views.views.values():
            reduced = min(dimensions, min(view.shape) - 1)
            svd = TruncatedSVD(reduced, n_iter=4, random_state=seed).fit(view)
            maps.append((svd.components_ / svd.singular_values_[:, None]).T)
            whitened.append(view @ maps[-1])
        joint = np.hstack(whitened)
        shared = min(dimensions, min(joint.shape) - 1)
        components = _components(joint, shared, seed)
        ends = np.cumsum([columns.shape[1] for columns in maps])[:-1]
        parts = np.split(components, ends)
        self._maps = {
            tag: (columns @ part).astype(np.float32)
            for tag, columns, part in zip(views.views, maps, parts, strict=True)
        }
