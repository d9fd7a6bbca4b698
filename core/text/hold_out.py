"""Chooses the meanings to hold out: some of every kind, in proportion, and never more than a fifth.

Meanings that share a text stay together. Meanings with and without a translation are drawn apart; within each group
every stratum, a set of languages, gets its proportion. Rare languages are then topped up. A meaning stays in training
where it would take more than a fifth of the sentences of a language, or of the translations of a pair.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from core.streams import HELD_OUT
from core.text import arrays
from core.text.arrays import IntArray
from core.text.index import Index
from core.text.shuffle import Shuffle
from core.text.translations import Translations

FIFTH: Final = 5
"""A language, a pair of languages and the corpus give up at most one in so many."""
ENOUGH_MEANINGS: Final = 50
"""A language with fewer held-out meanings is topped up."""
SHORT_PIECE: Final = 1_000
"""Length of the first piece of a random order; mostly it is enough."""


def hold_out(index: Index, translations: Translations, count: int, seed: int) -> IntArray:
    """The meanings to hold out, sorted.

    In fully parallel text without shared texts they are the first meanings of a random order.

    Args:
        index: of the corpus.
        translations: the translations that are trained on.
        count: number of meanings to draw with a translation, and number to draw without; at most a fifth of each.
        seed: of the random order.
    """
    rng, held_out = np.random.default_rng([seed, HELD_OUT]), _HeldOut(index, translations)
    # int32 takes half the memory and gives the same order
    order = rng.permutation(np.arange(len(index.meanings), dtype=np.int32))
    sizes = index.strata.sizes()
    for translated in (True, False):
        strata = np.flatnonzero(index.strata.translated == translated)
        budget = min(count, int(sizes[strata].sum()) // FIFTH)
        seats = in_proportion(sizes[strata], budget, rng)
        held_out.fill(_pieces(order), strata, np.arange(len(strata)), seats)
        # seats that the components of their stratum could not take are open to all strata
        rest = budget - held_out.meanings[strata].sum(keepdims=True)
        held_out.fill(_pieces(order), strata, np.zeros_like(strata), rest)
        _top_up(held_out, index, strata, sizes, count, seed)
    return np.sort(index.meanings[held_out.positions()])


def in_proportion(sizes: IntArray, seats: int, rng: np.random.Generator) -> IntArray:
    """Number of seats per group, in proportion to the sizes of the groups, rounded up or down at random.

    Systematic sampling (Madow 1949): the groups lie on a line, and one random offset rounds their ends. So the sum is
    exact, and so is the mean over offsets. Largest remainders would seat all groups of one small size, or none.

    Args:
        sizes: of the groups.
        seats: number of seats in all.
        rng: draws the offset.
    """
    if not len(sizes):
        return np.zeros(0, dtype=np.int64)
    total = int(sizes.sum())
    return np.diff((np.cumsum(sizes) * seats + rng.integers(total)) // total, prepend=0)


class _HeldOut:
    """Components that are held out, and how much every language and pair may still give up.

    Attributes:
        meanings: per stratum, the number of held-out meanings.
    """

    def __init__(self, index: Index, translations: Translations) -> None:
        self._index, self._translations = index, translations
        self._spare, self._pair_spare = np.diff(index.bounds) // FIFTH, translations.sizes // FIFTH
        self._open = np.ones(len(index.strata), dtype=bool)
        self._components = set[int]()
        # the last group, which has no seats
        self._group = np.full(len(index.strata), -1)
        self.meanings = np.zeros(len(index.strata), dtype=np.int64)

    def positions(self) -> IntArray:
        """The positions of all meanings that are held out."""
        members = [self._index.members(component) for component in self._components]
        return np.concatenate([np.zeros(0, dtype=np.int64), *members])

    def fill(self, order: Iterable[IntArray], strata: IntArray, groups: IntArray, seats: IntArray) -> None:
        """Holds out components in the given order until no seat is free or no component fits.

        Args:
            order: positions of meanings, in pieces; a component has the place of its smallest meaning.
            strata: the strata that components are drawn from.
            groups: per stratum, the group whose seats it takes.
            seats: per group, the number of meanings that may be held out.
        """
        group, free = self._group, np.append(seats, 0)
        group[strata] = groups
        for positions in order:
            if not (self._open[strata] & (free[groups] > 0)).any():
                break
            roots = positions[self._index.component[positions] == positions]
            stratum = self._index.strata.numbers[roots]
            wanted = self._open[stratum] & (free[group[stratum]] > 0)
            for component, number in zip(roots[wanted].tolist(), stratum[wanted].tolist(), strict=True):
                free[group[number]] -= self._take(component, number, int(free[group[number]]))
        group[strata] = -1

    def _take(self, component: int, stratum: int, most: int) -> int:
        """Holds out a component if it has at most `most` meanings and if its languages and pairs can spare it.

        Returns:
            The number of meanings of the component; 0 where it stays in training.
        """
        if not most or not self._open[stratum] or component in self._components:
            return 0
        languages = self._index.strata.languages(stratum)
        pairs = self._translations.pairs_among(languages)
        if not (self._spare[languages].all() and self._pair_spare[pairs].all()):
            # every component of the stratum has all these languages
            self._open[stratum] = False
            return 0
        members = self._index.members(component)
        if len(members) > most:
            return 0
        meanings = self._index.meanings[members]
        counts = np.stack([self._index.counts_of(language, meanings) for language in languages.tolist()])
        sources, targets = np.searchsorted(languages, self._translations.languages[pairs].T)
        sentences, translated = counts.sum(1), ((counts[sources] > 0) & (counts[targets] > 0)).sum(1)
        if (sentences > self._spare[languages]).any() or (translated > self._pair_spare[pairs]).any():
            return 0
        self._spare[languages] -= sentences
        self._pair_spare[pairs] -= translated
        self._components.add(component)
        self.meanings[stratum] += len(members)
        return len(members)


def _top_up(
    held_out: _HeldOut, index: Index, strata: IntArray, sizes: IntArray, count: int, seed: int
) -> None:
    """Holds out more meanings of languages with few held-out meanings, the smallest language first."""
    numbers, languages = index.strata.members()
    in_strata = np.isin(numbers, strata)
    numbers, languages = numbers[in_strata], languages[in_strata]
    totals = np.bincount(languages, weights=sizes[numbers], minlength=len(index.rows)).astype(np.int64)
    targets = np.minimum(totals // FIFTH, min(count, ENOUGH_MEANINGS))
    order, bounds = (
        np.argsort(languages, kind="stable"),
        np.cumsum(np.bincount(languages, minlength=len(totals))),
    )
    for language in np.argsort(totals, kind="stable").tolist():
        spoken_in = numbers[order[bounds[language - 1] if language else 0 : bounds[language]]]
        missing = targets[language] - held_out.meanings[spoken_in].sum(keepdims=True)
        if missing[0] > 0:
            held_out.fill(_components(index, language, seed), spoken_in, np.zeros_like(spoken_in), missing)


def _growing(count: int) -> Iterator[IntArray]:
    """The numbers 0 ... count - 1 in pieces that grow up to `CHUNK_ROWS`."""
    begin, length = 0, SHORT_PIECE
    while begin < count:
        yield np.arange(begin, min(begin + length, count))
        begin, length = begin + length, min(2 * length, arrays.CHUNK_ROWS)


def _pieces(order: IntArray) -> Iterator[IntArray]:
    return (order[places] for places in _growing(len(order)))


def _components(index: Index, language: int, seed: int) -> Iterator[IntArray]:
    """Components that have sentences in a language, in random order, in pieces."""
    keys = index.keys[language]
    order = Shuffle(len(keys), (seed, 7, language))
    for places in _growing(len(keys)):
        yield index.component[np.searchsorted(index.meanings, keys[order[places]])]
