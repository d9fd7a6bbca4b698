"""Sentence retrieval: is a sentence's translation its nearest neighbour among all sentences of the other language?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.evaluate.directions import Plan, TooSmall, plan
from lab.evaluate.intervals import share_interval, typical_weight
from lab.evaluate.nearness import COSINE, Nearness, cosines_in_blocks
from lab.evaluate.pools import DEFAULT_POOLS, LanguageVectors, Pool, PoolRule, Texts, distinct_texts, pool_of

THREADED: Final = 2_000
"""Sentences of a language from which on products of matrices are worth several threads."""
WRONG_PER_DIRECTION: Final = 50
"""Wrong matches that a direction keeps, the surest ones."""
WRONG_KEPT: Final = 2_000
"""Wrong matches that are kept of all directions together, the surest ones."""
WRONG_COLUMNS: Final = ("source", "target", "query", "found", "expected", "margin")


@dataclass(frozen=True)
class Wrong:
    """Wrong matches of a direction, the surest first: positions in the texts of both languages, and margins.

    A margin is by how much the text that was found lies nearer than the nearest translation.
    """

    count: int
    query_texts: Sequence[str] = field(repr=False)
    index_texts: Sequence[str] = field(repr=False)
    query: np.ndarray
    nearest: np.ndarray
    expected: np.ndarray
    margin: np.ndarray


@dataclass(frozen=True)
class RetrievalDirection:
    """Retrieval from one language (the queries) in another (the index).

    Attributes:
        source, target: languages.
        meanings: of each query; equal where texts are, in any language, since such meanings can not be told apart.
        correct: of each query 1 if a translation is nearest, 0 if another text is; where m of k texts that are equally
            near are translations, m / k, which is what drawing one of them at random would score.
        pool: candidates.
        chance: accuracy of guessing, the mean share of candidates that are right.
        wrong_matches: the surest of those that are counted in it.
        measure: what "near" means.
    """

    source: str
    target: str
    meanings: np.ndarray
    correct: np.ndarray
    pool: int
    chance: float
    wrong_matches: Wrong
    measure: str = COSINE.measure

    @property
    def accuracy(self) -> float:
        """Share of queries whose translation comes first."""
        return float(self.correct.mean())

    @property
    def wrong(self) -> pd.DataFrame:
        """Wrong matches, the surest first: source, target, query, found, expected, margin."""
        return wrong_matches([self])

    def interval(self) -> tuple[float, float]:
        """95 % interval over meanings with the index as it is; Clopper and Pearson's where no two queries share one."""
        _, at = np.unique(self.meanings, return_inverse=True)
        queries = np.bincount(at)
        low, high = share_interval(np.bincount(at, self.correct), queries, typical_weight(queries))
        return float(low), float(high)


@dataclass(frozen=True)
class Survey:
    """Retrieval over the directions of some languages: those measured, and what is known of the others."""

    directions: list[RetrievalDirection]
    too_small: list[TooSmall]
    large_enough: int
    untranslated: int


def sides_of(sentences: pd.DataFrame, vectors: np.ndarray) -> dict[str, LanguageVectors]:
    """Sentences and their vectors by language."""
    groups = sentences.reset_index(drop=True).groupby("language", sort=True)
    return {
        str(tag): LanguageVectors(
            group["meaning"].to_numpy(), group["text"].tolist(), vectors[group.index.to_numpy()]
        )
        for tag, group in groups
    }


def direction(
    source: str,
    target: str,
    queries: LanguageVectors,
    index: LanguageVectors,
    rule: PoolRule = DEFAULT_POOLS,
    nearness: Nearness = COSINE,
) -> RetrievalDirection:
    """Top-1 retrieval of the translations of `queries` in `index`, however few they are.

    Raises:
        InputError: no query has a translation in the index.
    """
    asking, searched = (
        distinct_texts({source: queries, target: index}, rule.seed)[tag] for tag in (source, target)
    )
    pool = pool_of(asking, searched, rule)
    if not len(pool.queries):
        raise InputError(
            f"retrieval needs sentences told in {source} and {target}, got none: add translations"
        )
    return _measured(source, target, asking, searched, pool, nearness)


def _measured(
    source: str, target: str, queries: Texts, index: Texts, pool: Pool, nearness: Nearness
) -> RetrievalDirection:
    correct, nearest_text, expected, margin = _matches(queries.vectors[pool.queries], index, pool, nearness)
    wrong = np.flatnonzero(correct == 0)
    surest = wrong[np.argsort(-margin[wrong], kind="stable")[:WRONG_PER_DIRECTION]]
    return RetrievalDirection(
        source,
        target,
        meanings=queries.groups[pool.queries],
        correct=correct,
        pool=len(pool.candidates),
        chance=pool.chance,
        wrong_matches=Wrong(
            len(wrong),
            queries.texts,
            index.texts,
            pool.queries[surest],
            nearest_text[surest],
            expected[surest],
            margin[surest],
        ),
        measure=nearness.measure,
    )


def _matches(vectors: np.ndarray, index: Texts, pool: Pool, nearness: Nearness) -> list[np.ndarray]:
    """Expected hit, nearest text, nearest answer and the answer's deficit in nearness, for each query."""
    # equal vectors are compared once: a product of matrices may round their cosines differently, column by column
    _, rows, column_of, copies = np.unique(
        index.vector_numbers[pool.candidates], return_index=True, return_inverse=True, return_counts=True
    )
    candidates = index.vectors[pool.candidates]
    near, blocks = nearness.of(vectors, candidates, rows), []
    for part, cosines in cosines_in_blocks(vectors, candidates[rows]):
        begin, end = np.searchsorted(pool.asking, (part.start, part.stop))
        answering = pool.answering[begin:end]
        asking = pool.asking[begin:end] - part.start
        correct, column, answer, margin = _top(near(cosines, part), asking, column_of[answering], copies)
        blocks.append((correct, pool.candidates[rows[column]], pool.candidates[answering[answer]], margin))
    return [np.concatenate(arrays) for arrays in zip(*blocks, strict=True)]


def _top(
    nearness: np.ndarray, asking: np.ndarray, answering: np.ndarray, copies: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Expected hit, nearest column, position of the nearest answer in `answering` and margin, for each row.

    Args:
        nearness: [rows, columns].
        asking, answering: row and column of every answer, ordered by row.
        copies: candidates that share the vector of a column, [columns].
    """
    near = nearness[asking, answering]
    best = np.lexsort((-near, asking))[np.searchsorted(asking, np.arange(len(nearness)))]
    column = nearness.argmax(axis=1)
    top = nearness[np.arange(len(nearness)), column]
    hits = np.bincount(asking, near == top[asking])
    tied = (nearness == top[:, None]).astype(np.float32) @ copies.astype(np.float32)
    return hits / np.maximum(tied, 1), column, best, top - near[best]


def survey(
    sides: Mapping[str, LanguageVectors],
    rule: PoolRule = DEFAULT_POOLS,
    progress: Progress = no_progress,
    nearness: Nearness = COSINE,
) -> Survey:
    """Retrieval over every direction with enough queries and candidates, or over a sample of very many."""
    texts = distinct_texts(sides, rule.seed)
    planned: Plan = plan(texts, rule)
    directions, too_small = [], list(planned.too_small)
    # small products cost ten times as much when others compete for the threads, as they do while a run trains
    small = max((len(each.texts) for each in texts.values()), default=0) < THREADED
    with threadpool_limits(limits=1 if small else None, user_api="blas"):
        for number, (source, target) in enumerate(planned.pairs, start=1):
            pool = pool_of(texts[source], texts[target], rule)
            # meanings were counted above; equal texts may leave fewer queries
            if lack := rule.lack(len(pool.queries), len(pool.candidates)):
                too_small.append(TooSmall(source, target, len(pool.queries), len(pool.candidates), lack))
            else:
                directions.append(_measured(source, target, texts[source], texts[target], pool, nearness))
            progress("searching", number, len(planned.pairs))
    dropped = len(planned.pairs) - len(directions)
    too_small.sort(key=lambda each: (each.source, each.target))
    return Survey(directions, too_small, planned.large_enough - dropped, planned.untranslated)


def retrieval(
    sides: Mapping[str, LanguageVectors], rule: PoolRule = DEFAULT_POOLS
) -> list[RetrievalDirection]:
    """The directions that `survey` measures; none where no two languages share enough meanings."""
    return survey(sides, rule).directions


def wrong_matches(directions: Sequence[RetrievalDirection], most: int = WRONG_KEPT) -> pd.DataFrame:
    """The surest wrong matches of all directions: source, target, query, found, expected, margin."""
    margins = [each.wrong_matches.margin for each in directions]
    of = np.repeat(np.arange(len(margins)), [len(each) for each in margins])
    position = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(each)) for each in margins)])
    order = np.argsort(-np.concatenate([np.zeros(0), *margins]), kind="stable")[:most]
    rows = []
    for number, at in zip(of[order], position[order], strict=True):
        each, wrong = directions[number], directions[number].wrong_matches
        texts = (
            wrong.query_texts[wrong.query[at]],
            *(wrong.index_texts[p[at]] for p in (wrong.nearest, wrong.expected)),
        )
        rows.append((each.source, each.target, *texts, float(wrong.margin[at])))
    return pd.DataFrame(rows, columns=list(WRONG_COLUMNS))
