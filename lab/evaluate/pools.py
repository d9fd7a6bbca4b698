"""Queries and candidates of a retrieval: all that the texts alone decide, before any vectors are compared.

Equal texts (NFC) of a language are one query and one candidate, because no encoder can tell them apart. A candidate
answers a query if it translates any sentence with the query's text.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import InputError
from lab.projection import unit

SMALLEST_POOL: Final = 5
"""Queries and candidates that a direction needs to be averaged: among fewer, guessing finds more than a fifth."""
MOST_DIRECTIONS: Final = 2_000
"""Directions that are measured by default; where there are more, so many are drawn."""


@dataclass(frozen=True)
class LanguageVectors:
    """The sentences of one language: meanings (distinct), texts and vectors, row by row."""

    meanings: np.ndarray
    texts: list[str]
    vectors: np.ndarray


@dataclass(frozen=True)
class PoolRule:
    """Rule for the candidates that are searched and the directions that are averaged.

    Attributes:
        index: "all" searches every sentence of a language; "shared" those alone that have a translation in the
            query's language, as in Tatoeba's test set, where each pair of languages has its own English side.
        size: candidates in every direction, or None for all. The answers of its queries are among them, the others
            are drawn at random, the same meanings in every language as far as it has them.
        smallest: directions with fewer queries or candidates are listed, not averaged.
        directions: at most so many are measured; of more, every one has the same chance to be drawn.
        seed: draws candidates and directions.

    Raises:
        InputError: a number is too small.
    """

    index: Literal["all", "shared"] = "all"
    size: int | None = None
    smallest: int = SMALLEST_POOL
    directions: int = MOST_DIRECTIONS
    seed: int = 0

    def __post_init__(self) -> None:
        for option, number in (("--min-pool", self.smallest), ("--directions", self.directions)):
            if number < 1:
                raise InputError(f"expected {option} from 1, got {number}")
        if self.size is not None and self.size < self.smallest:
            raise InputError(f"expected --pool from {self.smallest} (--min-pool), got {self.size}")

    def lack(self, queries: int, candidates: int) -> str | None:
        """The reason that keeps a direction with so many queries and candidates out of the mean, or None."""
        if candidates < (least := max(self.smallest, self.size or 0)):
            return f"{candidates:,} of the {least:,} candidates needed"
        if queries < self.smallest:
            return f"{queries:,} of the {self.smallest:,} queries needed"
        return None


DEFAULT_POOLS: Final = PoolRule()


@dataclass(frozen=True)
class Texts:
    """The distinct texts of one language.

    Attributes:
        texts: in NFC, in the order of their first meaning.
        vectors: unit vectors, [texts, hidden].
        vector_numbers: equal where vectors are equal bit by bit, [texts].
        meanings: sorted, [meanings].
        text_of: position of each meaning's text, [meanings].
        groups: meaning that stands for all those that equal texts make one, [texts].
        priority: place of the group in the order in which candidates are drawn, [texts].
    """

    texts: list[str]
    vectors: np.ndarray
    vector_numbers: np.ndarray
    meanings: np.ndarray
    text_of: np.ndarray
    groups: np.ndarray
    priority: np.ndarray


def distinct_texts(sides: Mapping[str, LanguageVectors], seed: int = 0) -> dict[str, Texts]:
    """Distinct texts by language; `seed` orders the draw of candidates."""
    numbered = {tag: _numbered(side) for tag, side in sides.items()}
    meanings, groups = _groups(list(numbered.values()))
    representatives = np.unique(groups)
    places = np.random.default_rng(seed).permutation(len(representatives))
    distinct = {}
    for tag, (ordered, text_of, texts) in numbered.items():
        _, rows = np.unique(text_of, return_index=True)
        vectors = unit(sides[tag].vectors[np.argsort(sides[tag].meanings, kind="stable")[rows]])
        group = groups[np.searchsorted(meanings, ordered[rows])]
        priority = places[np.searchsorted(representatives, group)]
        distinct[tag] = Texts(texts, vectors, _vector_numbers(vectors), ordered, text_of, group, priority)
    return distinct


def _numbered(side: LanguageVectors) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Sorted meanings, the number of each one's text, and the texts by number."""
    order = np.argsort(side.meanings, kind="stable")
    numbers: dict[str, int] = {}
    for row in order:
        numbers.setdefault(unicodedata.normalize("NFC", side.texts[row]), len(numbers))
    text_of = [numbers[unicodedata.normalize("NFC", side.texts[row])] for row in order]
    return side.meanings[order], np.array(text_of, dtype=np.int64), list(numbers)


def _groups(languages: Sequence[tuple[np.ndarray, np.ndarray, list[str]]]) -> tuple[np.ndarray, np.ndarray]:
    """All meanings, sorted, and the smallest of those that each is one with, by equal texts in any language."""
    meanings = np.unique(np.concatenate([np.zeros(0, np.int64), *(each for each, _, _ in languages)]))
    links = [np.zeros((2, 0), np.int64)]
    for ordered, text_of, texts in languages:
        if len(texts) < len(ordered):
            _, rows = np.unique(text_of, return_index=True)
            links.append(np.searchsorted(meanings, np.stack([ordered, ordered[rows][text_of]])))
    a, b = np.concatenate(links, axis=1)
    if not len(a):
        return meanings, meanings
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(meanings),) * 2)
    _, labels = connected_components(graph, directed=False)
    # meanings are sorted, so the first of a label is the smallest
    _, rows = np.unique(labels, return_index=True)
    return meanings, meanings[rows][labels]


def _vector_numbers(vectors: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(vectors)
    # -0.0 and 0.0 are equal numbers with different bits
    keys = (rows + 0.0).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    return np.unique(keys, return_inverse=True)[1]


@dataclass(frozen=True)
class Pool:
    """Queries and candidates of a direction.

    Attributes:
        queries: positions in the texts of their language, [queries].
        candidates: likewise, [candidates], ascending.
        asking, answering: positions in `queries` and `candidates` of each query with each of its answers, [answers],
            in the order of the queries; every query has one or more.
    """

    queries: np.ndarray
    candidates: np.ndarray
    asking: np.ndarray
    answering: np.ndarray

    @property
    def chance(self) -> float:
        """Accuracy of guessing: the mean share of candidates that answer a query."""
        return len(self.asking) / max(1, len(self.queries) * len(self.candidates))


def pool_of(queries: Texts, index: Texts, rule: PoolRule) -> Pool:
    """Queries that have an answer in `index`, and what they search."""
    at = np.minimum(np.searchsorted(index.meanings, queries.meanings), len(index.meanings) - 1)
    rows = np.flatnonzero(index.meanings[at] == queries.meanings) if len(index.meanings) else at[:0]
    count = max(1, len(index.texts))
    pairs = np.unique(queries.text_of[rows] * count + index.text_of[at[rows]])
    query, answer = np.divmod(pairs, count)
    texts, asking = np.unique(query, return_inverse=True)
    candidates = np.unique(answer) if rule.index == "shared" else np.arange(len(index.texts))
    pool = Pool(texts, candidates, asking, np.searchsorted(candidates, answer))
    if rule.size is None or len(candidates) < rule.size:
        return pool
    return _drawn(pool, rule.size, queries.priority[texts], index.priority[candidates])


def _drawn(pool: Pool, size: int, query_priority: np.ndarray, candidate_priority: np.ndarray) -> Pool:
    """A pool of `size` candidates: queries in the order of the draw as far as their answers fit, then others."""
    answers = np.split(pool.answering, np.flatnonzero(np.diff(pool.asking)) + 1)
    candidate_set: set[int] = set()
    fitting = []
    for query in np.argsort(query_priority, kind="stable"):
        more = set(answers[query].tolist()) - candidate_set
        if len(candidate_set) + len(more) <= size:
            candidate_set |= more
            fitting.append(query)
    others = [each for each in np.argsort(candidate_priority, kind="stable") if each not in candidate_set]
    candidates = np.sort(np.array([*candidate_set, *others[: size - len(candidate_set)]], dtype=np.int64))
    queries = np.sort(np.array(fitting, dtype=np.int64))
    answered = np.isin(pool.asking, queries)
    return Pool(
        pool.queries[queries],
        pool.candidates[candidates],
        np.searchsorted(queries, pool.asking[answered]),
        np.searchsorted(candidates, pool.answering[answered]),
    )
