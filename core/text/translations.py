"""Sentences that translate each other, in one memory-mapped table that is ordered by pairs of languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from scipy.sparse import csr_array, triu

from core.files import whole_file
from core.text.arrays import IntArray, mapped, pieces, write
from core.text.strata import Strata

Side = tuple[IntArray, IntArray]
"""The meanings of the sentences of a language, sorted, and the sentences in the same order."""
MOST_LANGUAGES: Final = 2**31
"""Greater than the number of any language."""


@dataclass(frozen=True)
class Translations:
    """Sentences that translate each other, pair of languages after pair of languages.

    For each meaning that both languages have, in order, the table holds the first sentence in each language.

    Attributes:
        languages: the two languages of each pair, in order, [pairs, 2]; pairs without translations are left out.
        rows: sentences of the corpus, [translations, 2].
        bounds: where the rows of each pair begin, and where the last pair ends, [pairs + 1].
    """

    languages: IntArray
    rows: IntArray
    bounds: IntArray

    @property
    def sizes(self) -> IntArray:
        """Number of translations of each pair."""
        return np.diff(self.bounds)

    def pairs_among(self, languages: IntArray) -> IntArray:
        """Numbers of the pairs among some languages, which must be sorted."""
        sources, targets = (languages[ends] for ends in _pairs_of(len(languages)))
        wanted = sources * MOST_LANGUAGES + targets
        numbers = np.searchsorted(self._codes, wanted)
        numbers, wanted = numbers[numbers < len(self._codes)], wanted[numbers < len(self._codes)]
        return numbers[self._codes[numbers] == wanted]

    def places(self, meaning: IntArray, pairs: IntArray, meanings: IntArray) -> IntArray:
        """Positions in `rows` of meanings among the translations of pairs, which are sorted by meaning: by bisection.

        Args:
            meaning: of every sentence of the corpus.
            pairs: numbers of pairs of languages.
            meanings: a meaning for each of `pairs`, which both of its languages have.
        """
        low, high = self.bounds[pairs], self.bounds[pairs + 1]
        while (unknown := np.flatnonzero(low < high)).size:
            middle = (low[unknown] + high[unknown]) // 2
            below = meaning[self.rows[middle, 0]] < meanings[unknown]
            low[unknown[below]], high[unknown[~below]] = middle[below] + 1, middle[~below]
        assert (meaning[self.rows[low, 0]] == meanings).all()
        return low

    def pairs_of(self, languages: IntArray) -> IntArray:
        """Numbers of pairs of languages that have translations, [n, 2], each in order."""
        numbers = np.searchsorted(self._codes, languages @ [MOST_LANGUAGES, 1])
        assert (self.languages[numbers] == languages).all()
        return numbers

    @cached_property
    def _codes(self) -> IntArray:
        """A code for each pair of languages, in rising order."""
        return self.languages @ [MOST_LANGUAGES, 1]


def open_translations(folder: Path, pivot: int | None) -> Translations:
    """Opens the translations that `write_translations` wrote into a folder.

    Raises:
        OSError, ValueError: the translations are missing or not whole.
    """
    rows, pairs = _paths(folder, pivot)
    table = mapped(pairs).reshape(-1, 3)
    bounds = np.concatenate([[0], table[:, 2]])
    return Translations(
        np.asarray(table[:, :2]), mapped(rows, count=2 * int(bounds[-1])).reshape(-1, 2), bounds
    )


def write_translations(folder: Path, pivot: int | None, strata: Strata, sides: list[Side]) -> None:
    """Writes the translations for every pair of languages, or for every pair with the pivot.

    Args:
        folder: of the index.
        pivot: a language, or None for all pairs.
        strata: tell which languages share meanings.
        sides: the meanings and sentences of each language.
    """
    rows, pairs = _paths(folder, pivot)
    ends = list[tuple[int, int, int]]()

    def translations() -> Iterator[IntArray]:
        count = 0
        for source, target in _neighbours(strata, pivot):
            begin = count
            for piece in _shared(sides[source], sides[target]):
                count += len(piece)
                yield piece
            if count > begin:
                ends.append((source, target, count))

    with whole_file(rows) as partial:
        write(partial, translations())
    with whole_file(pairs) as partial:
        write(partial, [np.array(ends).reshape(-1, 3)])


def _paths(folder: Path, pivot: int | None) -> tuple[Path, Path]:
    """The file of the rows, and the file of the pairs, which is written last."""
    name = "all" if pivot is None else str(pivot)
    return folder / f"translations-{name}.bin", folder / f"translations-{name}-pairs.bin"


def _neighbours(strata: Strata, pivot: int | None) -> list[tuple[int, int]]:
    """Pairs of languages that share a stratum, in order; with a pivot, only the pairs with it."""
    numbers, languages = strata.members()
    has = csr_array((np.ones(len(numbers), dtype=bool), (numbers, languages)))
    pairs = zip(*(ends.tolist() for ends in triu(has.T @ has, 1).nonzero()), strict=True)
    return sorted(pair for pair in pairs if pivot is None or pivot in pair)


@lru_cache(maxsize=64)
def _pairs_of(count: int) -> tuple[IntArray, IntArray]:
    """The numbers 0 ... count - 1 in pairs, in order."""
    return np.triu_indices(count, 1)


def _shared(source: Side, target: Side) -> Iterator[IntArray]:
    """First sentences of both sides for each meaning that both have; the smaller side is looked up in the other."""
    (keys, rows), (other_keys, other_rows) = source, target
    if len(keys) > len(other_keys):
        yield from (piece[:, ::-1] for piece in _shared(target, source))
        return
    begin = 0
    for piece in pieces(keys):
        values, places = np.unique(piece, return_index=True)
        # where a meaning begins: not in the piece before
        starts = begin + places
        fresh = np.searchsorted(keys, values) == starts
        values, starts = values[fresh], starts[fresh]
        at = np.searchsorted(other_keys, values)
        both = np.flatnonzero(at < np.searchsorted(other_keys, values, side="right"))
        yield np.stack([rows[starts[both]], other_rows[at[both]]], axis=1)
        begin += len(piece)
