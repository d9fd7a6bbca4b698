"""Sentence retrieval: is a sentence's translation its nearest neighbour among all sentences of the other language?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from core.errors import InputError
from lab.evaluate.directions import Plan, TooSmall, plan
from lab.evaluate.intervals import share_interval
from lab.evaluate.pools import DEFAULT_POOLS, Pool, PoolRule, Side, Texts, distinct_texts, pool_of

BLOCK: Final = 2**24
"""Cosines held at once: 64 MiB, whatever the number of sentences."""
MEASURE: Final = "cosine"
WRONG_PER_DIRECTION: Final = 50
"""Wrong matches that a direction keeps, the surest ones."""
WRONG_KEPT: Final = 2_000
"""Wrong matches that are kept of all directions together, the surest ones."""
WRONG_COLUMNS: Final = ("source", "target", "query", "found", "expected", "margin")


@dataclass(frozen=True)
class Wrong:
    """Wrong matches of a direction, the surest first: positions in the texts of both languages, and margins.

    A margin is by how much cosine the text that was found lies nearer than the nearest translation.
    """

    count: int
    query_texts: Sequence[str] = field(repr=False)
    index_texts: Sequence[str] = field(repr=False)
    query: np.ndarray
    found: np.ndarray
    expected: np.ndarray
    margin: np.ndarray


@dataclass(frozen=True)
class Direction:
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
    measure: str = MEASURE

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
        low, high = share_interval(np.bincount(at, self.correct), np.bincount(at))
        return float(low), float(high)


@dataclass(frozen=True)
class Survey:
    """Retrieval over the directions of some languages: those measured, and what is known of the others."""

    directions: list[Direction]
    too_small: list[TooSmall]
    large_enough: int
    untranslated: int


@dataclass(frozen=True)
class MeanAccuracy:
    """Mean over directions of accuracy, its 95 % interval over meanings, and of what guessing would score.

    `pools` are the fewest and the most candidates of a direction; `meanings` those that the queries tell.
    """

    value: float
    low: float
    high: float
    chance: float
    directions: int
    pools: tuple[int, int]
    meanings: int

    @property
    def pools_in_words(self) -> str:
        """The pool of every direction, or the smallest and the largest."""
        return " to ".join(f"{size:,}" for size in sorted(set(self.pools)))

    def words(self) -> str:
        """The mean in one line: its interval, what guessing would score, and how many candidates there are."""
        return (
            f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], guessing {self.chance:.2g} in pools of "
            f"{self.pools_in_words}"
        )


def sides_of(sentences: pd.DataFrame, vectors: np.ndarray) -> dict[str, Side]:
    """Sentences and their vectors by language."""
    groups = sentences.reset_index(drop=True).groupby("language", sort=True)
    return {
        str(tag): Side(group["meaning"].to_numpy(), group["text"].tolist(), vectors[group.index.to_numpy()])
        for tag, group in groups
    }


def nearest(queries: np.ndarray, index: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Cosines of some queries with the whole index at a time: 100,000 x 100,000 fit in memory.

    Queries and index hold unit vectors; yields the rows and their cosines, [rows, index].
    """
    rows = max(1, BLOCK // max(1, len(index)))
    for begin in range(0, len(queries), rows):
        part = slice(begin, min(begin + rows, len(queries)))
        yield part, queries[part] @ index.T


def direction(
    source: str, target: str, queries: Side, index: Side, rule: PoolRule = DEFAULT_POOLS
) -> Direction:
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
    return _measured(source, target, asking, searched, pool)


def _measured(source: str, target: str, queries: Texts, index: Texts, pool: Pool) -> Direction:
    # equal vectors are compared once: a product of matrices may round their cosines differently, column by column
    _, rows, column_of, copies = np.unique(
        index.vector_numbers[pool.candidates], return_index=True, return_inverse=True, return_counts=True
    )
    right = index.vectors[pool.candidates[rows]]
    correct, found, expected, margin = (
        np.empty(len(pool.queries), kind) for kind in (float, int, int, float)
    )
    for part, cosines in nearest(queries.vectors[pool.queries], right):
        begin, end = np.searchsorted(pool.asking, (part.start, part.stop))
        asking, answering = pool.asking[begin:end] - part.start, pool.answering[begin:end]
        near = cosines[asking, column_of[answering]]
        # of each query the nearest of its answers
        best = np.lexsort((-near, asking))[np.searchsorted(asking, np.arange(len(cosines)))]
        column = cosines.argmax(axis=1)
        top = cosines[np.arange(len(cosines)), column]
        hits = np.bincount(asking, near == top[asking])
        tied = (cosines == top[:, None]).astype(np.float32) @ copies.astype(np.float32)
        correct[part] = hits / np.maximum(tied, 1)
        found[part], expected[part] = pool.candidates[rows[column]], pool.candidates[answering[best]]
        margin[part] = top - near[best]
    wrong = np.flatnonzero(correct == 0)
    surest = wrong[np.argsort(-margin[wrong], kind="stable")[:WRONG_PER_DIRECTION]]
    kept = Wrong(
        len(wrong),
        queries.texts,
        index.texts,
        pool.queries[surest],
        found[surest],
        expected[surest],
        margin[surest],
    )
    groups = queries.groups[pool.queries]
    return Direction(source, target, groups, correct, len(pool.candidates), pool.chance, kept)


def survey(
    sides: Mapping[str, Side],
    rule: PoolRule = DEFAULT_POOLS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Retrieval over every direction with enough queries and candidates, or over a sample of very many."""
    texts = distinct_texts(sides, rule.seed)
    planned: Plan = plan(texts, rule)
    directions, too_small = [], list(planned.too_small)
    for number, (source, target) in enumerate(planned.pairs, start=1):
        pool = pool_of(texts[source], texts[target], rule)
        # meanings were counted above; equal texts may leave fewer queries
        if lack := rule.lack(len(pool.queries), len(pool.candidates)):
            too_small.append(TooSmall(source, target, len(pool.queries), len(pool.candidates), lack))
        else:
            directions.append(_measured(source, target, texts[source], texts[target], pool))
        progress(number, len(planned.pairs))
    dropped = len(planned.pairs) - len(directions)
    too_small.sort(key=lambda each: (each.source, each.target))
    return Survey(directions, too_small, planned.large_enough - dropped, planned.untranslated)


def retrieval(sides: Mapping[str, Side], rule: PoolRule = DEFAULT_POOLS) -> list[Direction]:
    """The directions that `survey` measures; none where no two languages share enough meanings."""
    return survey(sides, rule).directions


def by_meaning(directions: Sequence[Direction]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Meanings with what each adds to the mean accuracy and its weight there, [meanings] each.

    Every direction weighs 1, divided among its queries; the mean is sum(totals) / sum(weights).
    """
    meanings = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.meanings for each in directions)]))
    totals, weights = np.zeros(len(meanings)), np.zeros(len(meanings))
    for each in directions:
        at = np.searchsorted(meanings, each.meanings)
        totals += np.bincount(at, each.correct, len(meanings)) / len(at)
        weights += np.bincount(at, minlength=len(meanings)) / len(at)
    return meanings, totals, weights


def mean_accuracy(directions: Sequence[Direction]) -> MeanAccuracy | None:
    """Mean accuracy over directions with its 95 % interval over meanings; None without any direction.

    All directions of a meaning go together, as `share_interval` has it. The interval is that of the directions given;
    where they are a sample of more, it says nothing of those that were not drawn.
    """
    if not directions:
        return None
    meanings, totals, weights = by_meaning(directions)
    low, high = share_interval(totals, weights)
    pools = [each.pool for each in directions]
    return MeanAccuracy(
        value=float(totals.sum() / weights.sum()),
        low=float(low),
        high=float(high),
        chance=float(np.mean([each.chance for each in directions])),
        directions=len(directions),
        pools=(min(pools), max(pools)),
        meanings=len(meanings),
    )


def translation_accuracy(sides: Mapping[str, Side], rule: PoolRule = DEFAULT_POOLS) -> MeanAccuracy:
    """Mean accuracy over the directions of some languages, for those who need one.

    Raises:
        InputError: no direction is large enough.
    """
    mean = mean_accuracy(retrieval(sides, rule))
    if mean is None:
        raise InputError(
            f"expected two languages that share {rule.smallest} meanings or more, got none among "
            f"{' '.join(sorted(sides)) or 'no language'}: use more translations"
        )
    return mean


def wrong_matches(directions: Sequence[Direction], most: int = WRONG_KEPT) -> pd.DataFrame:
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
            *(wrong.index_texts[p[at]] for p in (wrong.found, wrong.expected)),
        )
        rows.append((each.source, each.target, *texts, float(wrong.margin[at])))
    return pd.DataFrame(rows, columns=list(WRONG_COLUMNS))


def pivot(directions: Sequence[Direction]) -> str | None:
    """The language that is query or index of every direction, where there are several others: English in Tatoeba."""
    common = set.intersection(*({each.source, each.target} for each in directions)) if directions else set()
    return common.pop() if len(common) == 1 else None
