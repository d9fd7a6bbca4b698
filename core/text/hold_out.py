"""Which meanings are held out: some of every kind, as often as the kind occurs, and never more than a fifth.

Meanings that share a text go the same way. Meanings with a translation and those without are drawn apart; among
each, the strata, which are sets of languages, come in proportion. What is rare is then topped up. Whatever would take
more than a fifth of the sentences of a language, or of the translations of a pair, stays in training.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from core.text import arrays
from core.text.arrays import IntArray
from core.text.index import Index
from core.text.shuffle import Shuffle
from core.text.translations import Translations

FIFTH: Final = 5
"""A language, a pair of languages or the corpus gives up one in so many at most."""
ENOUGH_MEANINGS: Final = 50
"""A language with fewer held-out meanings is topped up."""
SHORT_PIECE: Final = 1_000
"""How many of a random order are looked at first; mostly they are enough."""


def hold_out(index: Index, translations: Translations, count: int, seed: int) -> IntArray:
    """The meanings to hold out, sorted.

    In text that is all parallel and in which no two meanings share a text, they are the first ones of a random order.

    Args:
        index: of the corpus.
        translations: those that are trained on.
        count: how many to draw among the meanings with a translation, and how many among those without; a fifth of
            them at most.
        seed: of the random order.
    """
    rng, held_out = np.random.default_rng([seed, 7]), _HeldOut(index, translations)
    # int32 takes half the memory and gives the same order
    order = rng.permutation(np.arange(len(index.meanings), dtype=np.int32))
    sizes = index.strata.sizes()
    for translated in (True, False):
        strata = np.flatnonzero(index.strata.translated == translated)
        budget = min(count, int(sizes[strata].sum()) // FIFTH)
        seats = in_proportion(sizes[strata], budget, rng)
        held_out.draw(_pieces(order), strata, np.arange(len(strata)), seats)
        # seats that the components of their stratum could not take are open to those of all
        rest = budget - held_out.meanings[strata].sum(keepdims=True)
        held_out.draw(_pieces(order), strata, np.zeros_like(strata), rest)
        _top_up(held_out, index, strata, sizes, count, seed)
    return np.sort(index.meanings[held_out.positions()])


def in_proportion(sizes: IntArray, seats: int, rng: np.random.Generator) -> IntArray:
    """Seats of each of several groups in proportion to their sizes, rounded up or down at random.

    Systematic sampling (Madow 1949): one random offset rounds the ends of the groups on a line, so that the sum is
    kept and the mean over offsets is exact. Largest remainders would give all or no groups of one small size a seat.
    """
    if not len(sizes):
        return np.zeros(0, dtype=np.int64)
    total = int(sizes.sum())
    return np.diff((np.cumsum(sizes) * seats + rng.integers(total)) // total, prepend=0)


class _HeldOut:
    """Components that are held out, and what every language and pair may still give up.

    Attributes:
        meanings: per stratum, how many are held out.
    """

    def __init__(self, index: Index, translations: Translations) -> None:
        self._index, self._translations = index, translations
        self._room, self._pair_room = np.diff(index.bounds) // FIFTH, translations.sizes // FIFTH
        self._open = np.ones(len(index.strata), dtype=bool)
        self._components = set[int]()
        # the last seat, which is none
        self._group = np.full(len(index.strata), -1)
        self.meanings = np.zeros(len(index.strata), dtype=np.int64)

    def positions(self) -> IntArray:
        """The positions of all meanings that are held out."""
        members = [self._index.members(component) for component in self._components]
        return np.concatenate([np.zeros(0, dtype=np.int64), *members])

    def draw(self, order: Iterable[IntArray], strata: IntArray, groups: IntArray, seats: IntArray) -> None:
        """Holds out components in some order until no seat is free or none fits.

        Args:
            order: positions of meanings, in pieces; a component counts at its smallest meaning.
            strata: from which components are drawn.
            groups: which seats each of the strata takes.
            seats: per group, how many meanings it may hold out.
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
        """Holds out a component, if it has `most` meanings at most and its languages and pairs allow it.

        Returns:
            How many meanings are held out by that; else 0.
        """
        if not most or not self._open[stratum] or component in self._components:
            return 0
        languages = self._index.strata.languages(stratum)
        pairs = self._translations.pairs_among(languages)
        if not (self._room[languages].all() and self._pair_room[pairs].all()):
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
        if (sentences > self._room[languages]).any() or (translated > self._pair_room[pairs]).any():
            return 0
        self._room[languages] -= sentences
        self._pair_room[pairs] -= translated
        self._components.add(component)
        self.meanings[stratum] += len(members)
        return len(members)


def _top_up(
    held_out: _HeldOut, index: Index, strata: IntArray, sizes: IntArray, count: int, seed: int
) -> None:
    """Holds out more meanings of languages that have few held out, smallest first: a fifth of them at most."""
    numbers, languages = index.strata.members()
    chosen = np.isin(numbers, strata)
    numbers, languages = numbers[chosen], languages[chosen]
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
            held_out.draw(_components(index, language, seed), spoken_in, np.zeros_like(spoken_in), missing)


def _growing(count: int) -> Iterator[IntArray]:
    """0 ... count - 1 in pieces that grow up to `CHUNK_ROWS`."""
    begin, length = 0, SHORT_PIECE
    while begin < count:
        yield np.arange(begin, min(begin + length, count))
        begin, length = begin + length, min(2 * length, arrays.CHUNK_ROWS)


def _pieces(order: IntArray) -> Iterator[IntArray]:
    return (order[places] for places in _growing(len(order)))


def _components(index: Index, language: int, seed: int) -> Iterator[IntArray]:
    """The components that a language tells, in random order, in pieces."""
    keys = index.keys[language]
    order = Shuffle(len(keys), (seed, 7, language))
    for places in _growing(len(keys)):
        yield index.component[np.searchsorted(index.meanings, keys[order[places]])]
