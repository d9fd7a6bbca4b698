"""The index of an encoded corpus: finds sentences by language and meaning, and the meanings that count as one.

Its files are memory-mapped: a corpus of any size is opened in the same memory.
"""

from pathlib import Path

import numpy as np

from core.text.arrays import IntArray, concatenated_ranges, mapped, segments
from core.text.strata import Strata
from core.text.translations import Translations, open_translations, write_translations


class Index:
    """The index that `write_index` wrote into a folder.

    The index has few files, however many languages there are, because every mapped file takes a file descriptor.

    Raises:
        OSError, ValueError: the index is missing or not whole.

    Attributes:
        meanings: int64, the distinct meanings, sorted.
        component: int64 per distinct meaning, the position of the smallest meaning of its component.
        strata: the set of languages of each meaning.
        sentences: int64, the sentences language after language, each in the order of the corpus.
        bounds: where the sentences of each language begin in `sentences`, and where the last language ends.
        rows: per language, its part of `sentences`.
        keys: per language, int64, the meanings of its sentences, sorted.
    """

    def __init__(self, folder: Path, sentences: int) -> None:
        self._folder = folder
        bounds = mapped(folder / "bounds.bin")
        if not len(bounds) or bounds[-1] != sentences:
            raise ValueError(f"{folder} does not index {sentences} sentences")
        self.bounds = np.asarray(bounds)
        self.meanings = mapped(folder / "meanings.bin")
        self.component = mapped(folder / "component.bin", count=len(self.meanings))
        self._merged_into, self._merged = mapped(folder / "merged.bin").reshape(2, -1)
        self.strata = Strata(folder)
        self.sentences = mapped(folder / "rows.bin", count=sentences)
        self.rows = segments(self.sentences, bounds)
        self.keys = segments(mapped(folder / "keys.bin", count=sentences), bounds)
        by_meaning = folder / "sorted.bin"
        self._by_meaning = (
            segments(mapped(by_meaning, count=sentences), bounds) if by_meaning.is_file() else self.rows
        )

    @property
    def num_merged(self) -> int:
        """Number of meanings that share a text with a smaller meaning, so that both count as one."""
        return len(self._merged)

    def components_of(self, meanings: IntArray) -> IntArray:
        """The smallest meaning of the component of each meaning."""
        return np.asarray(self.meanings[self.component[np.searchsorted(self.meanings, meanings)]])

    def members(self, component: int) -> IntArray:
        """Positions of the meanings of a component, given the position of its smallest meaning."""
        begin, end = (np.searchsorted(self._merged_into, component, side=side) for side in ("left", "right"))
        return np.concatenate([[component], self._merged[begin:end]])

    def rows_of(self, language: int, meanings: IntArray) -> IntArray:
        """The sentences of a language whose meaning is among `meanings` (distinct, sorted)."""
        return self._by_meaning[language][self._places_of(language, meanings)]

    def meanings_in(self, language: int, meanings: IntArray) -> IntArray:
        """The meanings among `meanings` (distinct, sorted) that have a sentence in a language."""
        return np.unique(self.keys[language][self._places_of(language, meanings)])

    def _places_of(self, language: int, meanings: IntArray) -> IntArray:
        keys = self.keys[language]
        if len(keys) < len(meanings):
            places = np.searchsorted(meanings, keys)
            return np.flatnonzero(meanings[np.minimum(places, len(meanings) - 1)] == keys)
        return concatenated_ranges(np.searchsorted(keys, meanings), self.counts_of(language, meanings))

    def counts_of(self, language: int, meanings: IntArray) -> IntArray:
        """Number of sentences of a language with each meaning."""
        begins, ends = (
            np.searchsorted(self.keys[language], meanings, side=side) for side in ("left", "right")
        )
        return ends - begins

    def translations(self, pivot: int | None) -> Translations:
        """Translations for every pair of languages, or for every pair with the pivot.

        They are written to disk at the first call.
        """
        try:
            return open_translations(self._folder, pivot)
        except (OSError, ValueError):
            sides = list(zip(self.keys, self._by_meaning, strict=True))
            write_translations(self._folder, pivot, self.strata, sides)
        return open_translations(self._folder, pivot)
