"""Which sentences of an encoded corpus have which language and meaning, and which meanings are one.

Memory-mapped files: a corpus of any size is opened in the same memory.
"""

from pathlib import Path

import numpy as np

from core.text.arrays import IntArray, concatenated_ranges, mapped, parts
from core.text.strata import Strata
from core.text.translations import Translations, open_translations, write_translations


class Index:
    """The index that `write_index` has left in a folder, of so many sentences.

    Its files are few, however many languages there are: each that is mapped holds a file descriptor.

    Raises:
        OSError, ValueError: it is not there, or not whole.

    Attributes:
        meanings: int64, the distinct meanings, sorted.
        component: int64 per distinct meaning, the position of the smallest one that shares a text with it, directly or
            over others; its own where none does.
        strata: the languages that meanings are told in.
        sentences: int64, the sentences of one language behind those of the other, in the order of the corpus.
        bounds: where the sentences of each language begin, and where the last ones end.
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
        self.rows = parts(self.sentences, bounds)
        self.keys = parts(mapped(folder / "keys.bin", count=sentences), bounds)
        by_meaning = folder / "sorted.bin"
        self._by_meaning = (
            parts(mapped(by_meaning, count=sentences), bounds) if by_meaning.is_file() else self.rows
        )

    @property
    def num_merged(self) -> int:
        """How many meanings share a text with a smaller one, so that they count as one with it."""
        return len(self._merged)

    def components_of(self, meanings: IntArray) -> IntArray:
        """The component of each of some meanings: its smallest meaning."""
        return np.asarray(self.meanings[self.component[np.searchsorted(self.meanings, meanings)]])

    def members(self, component: int) -> IntArray:
        """The positions of the meanings of a component, given the position of its smallest."""
        begin, end = (np.searchsorted(self._merged_into, component, side=side) for side in ("left", "right"))
        return np.concatenate([[component], self._merged[begin:end]])

    def rows_of(self, language: int, meanings: IntArray) -> IntArray:
        """The sentences of one language that tell one of some distinct meanings, which are given in order."""
        return self._by_meaning[language][self._places_of(language, meanings)]

    def meanings_in(self, language: int, meanings: IntArray) -> IntArray:
        """Those of some distinct meanings, which are given in order, that are told in a language."""
        return np.unique(self.keys[language][self._places_of(language, meanings)])

    def _places_of(self, language: int, meanings: IntArray) -> IntArray:
        keys = self.keys[language]
        if len(keys) < len(meanings):
            places = np.searchsorted(meanings, keys)
            return np.flatnonzero(meanings[np.minimum(places, len(meanings) - 1)] == keys)
        return concatenated_ranges(np.searchsorted(keys, meanings), self.counts_of(language, meanings))

    def counts_of(self, language: int, meanings: IntArray) -> IntArray:
        """How many sentences of one language tell each of some meanings."""
        begins, ends = (
            np.searchsorted(self.keys[language], meanings, side=side) for side in ("left", "right")
        )
        return ends - begins

    def translations(self, pivot: int | None) -> Translations:
        """The translations between each two languages, or between each language and the pivot.

        Written when they are asked for the first time.
        """
        try:
            return open_translations(self._folder, pivot)
        except (OSError, ValueError):
            sides = list(zip(self.keys, self._by_meaning, strict=True))
            write_translations(self._folder, pivot, self.strata, sides)
        return open_translations(self._folder, pivot)
