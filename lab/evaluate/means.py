"""Mean retrieval over directions: of all, of those of a language, and of each meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from lab.evaluate.intervals import share_interval, typical_weight
from lab.evaluate.pools import DEFAULT_POOLS, LanguageVectors, PoolRule
from lab.evaluate.retrieval import RetrievalDirection, retrieval


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


@dataclass(frozen=True)
class MeaningShares:
    """Share of each meaning in a mean over directions: the mean accuracy is sum(totals) / sum(weights).

    Every direction weighs 1, divided among its queries.

    Attributes:
        meanings: sorted, [meanings].
        totals: weights of the queries that are right, [meanings].
        weights: of all queries, [meanings].
        typical: what the weights would be if no meaning had more paraphrases than another, [meanings].
    """

    meanings: np.ndarray
    totals: np.ndarray
    weights: np.ndarray
    typical: np.ndarray


def by_meaning(directions: Sequence[RetrievalDirection]) -> MeaningShares:
    """Shares of the meanings in the mean over some directions."""
    meanings = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.meanings for each in directions)]))
    totals, weights, typical = np.zeros((3, len(meanings)))
    for each in directions:
        at, count = np.searchsorted(meanings, each.meanings), len(each.meanings)
        queries = np.bincount(at, minlength=len(meanings))
        totals += np.bincount(at, each.correct, len(meanings)) / count
        weights += queries / count
        typical += (queries > 0) * typical_weight(queries) / count
    return MeaningShares(meanings, totals, weights, typical)


def mean_accuracy(directions: Sequence[RetrievalDirection]) -> MeanAccuracy | None:
    """Mean accuracy over directions with its 95 % interval over meanings; None without any direction.

    All directions of a meaning go together, as `share_interval` has it. The interval is that of the directions given;
    where they are a sample of more, it says nothing of those that were not drawn.
    """
    if not directions:
        return None
    shares = by_meaning(directions)
    low, high = share_interval(shares.totals, shares.weights, shares.typical.max())
    pools = [each.pool for each in directions]
    return MeanAccuracy(
        value=float(shares.totals.sum() / shares.weights.sum()),
        low=float(low),
        high=float(high),
        chance=float(np.mean([each.chance for each in directions])),
        directions=len(directions),
        pools=(min(pools), max(pools)),
        meanings=len(shares.meanings),
    )


def translation_accuracy(
    sides: Mapping[str, LanguageVectors], rule: PoolRule = DEFAULT_POOLS
) -> MeanAccuracy:
    """Mean accuracy over the directions of some languages.

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


@dataclass(frozen=True)
class LanguageMeans:
    """Mean accuracy over the directions in which a language asks, and over those in which it is searched."""

    language: str
    asking: MeanAccuracy | None
    searched: MeanAccuracy | None


def language_means(directions: Sequence[RetrievalDirection]) -> list[LanguageMeans]:
    """The means of each language, by tag."""
    tags = sorted({tag for each in directions for tag in (each.source, each.target)})
    asking: dict[str, list[RetrievalDirection]] = {tag: [] for tag in tags}
    searched: dict[str, list[RetrievalDirection]] = {tag: [] for tag in tags}
    for each in directions:
        asking[each.source].append(each)
        searched[each.target].append(each)
    return [LanguageMeans(tag, mean_accuracy(asking[tag]), mean_accuracy(searched[tag])) for tag in tags]


def pivot(directions: Sequence[RetrievalDirection]) -> str | None:
    """The language that is query or index of every direction, where there are several others: English in Tatoeba."""
    common = set.intersection(*({each.source, each.target} for each in directions)) if directions else set()
    return common.pop() if len(common) == 1 else None
