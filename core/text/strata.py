"""Strata: sets of languages that meanings have sentences in, found by refining a partition language by language."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from core.text.arrays import IntArray, changeable, mapped, pieces, ranges, write


class Strata:
    """The strata that `write_strata` wrote into a folder.

    Attributes:
        numbers: int64 per distinct meaning, its stratum.
        translated: bool per stratum, whether each of its components has a meaning with a translation.
    """

    def __init__(self, folder: Path) -> None:
        self.numbers = mapped(folder / "stratum.bin")
        ends, translated = mapped(folder / "strata-bounds.bin").reshape(-1, 2).T
        self.translated = translated.astype(bool)
        self._bounds = np.concatenate([[0], ends])
        self._languages = mapped(folder / "strata.bin", count=int(self._bounds[-1]))

    def __len__(self) -> int:
        return len(self.translated)

    def languages(self, stratum: int) -> IntArray:
        """The languages of a stratum, in order."""
        return np.asarray(self._languages[self._bounds[stratum] : self._bounds[stratum + 1]])

    def members(self) -> tuple[IntArray, IntArray]:
        """Every pair of a stratum and one of its languages, as two arrays."""
        return np.repeat(np.arange(len(self)), np.diff(self._bounds)), np.asarray(self._languages)

    def sizes(self) -> IntArray:
        """Number of meanings of each stratum."""
        counts = np.zeros(len(self), dtype=np.int64)
        for piece in pieces(self.numbers):
            counts += np.bincount(piece, minlength=len(self))
        return counts


def write_strata(
    folder: Path,
    meanings: IntArray,
    component: IntArray,
    num_languages: Iterable[IntArray],
    keys: list[IntArray],
) -> None:
    """Writes the stratum of each meaning, and the languages of each stratum.

    All meanings of a component belong to one stratum. A stratum is the set of the languages of a component, together
    with whether one of its meanings has a translation. `stratum.bin` holds the number of the stratum of each distinct
    meaning. `strata.bin` holds the languages, stratum after stratum. `strata-bounds.bin` holds per stratum where its
    languages end, and 1 where there is a translation.

    Args:
        folder: of the index.
        meanings: int64, the distinct meanings, sorted.
        component: per distinct meaning, the position of the smallest meaning of its component.
        num_languages: per distinct meaning, the number of languages that it has sentences in; in pieces.
        keys: per language, the meanings of its sentences, sorted.
    """
    path = folder / "stratum.bin"
    write(path, (np.zeros(len(positions)) for positions in ranges(len(meanings))))
    label = changeable(path)
    begin = 0
    for counts in num_languages:
        label[component[begin + np.flatnonzero(counts > 1)]] = 1
        begin += len(counts)
    sets = _Sets()
    for language, meanings_told in enumerate(keys):
        sets.refine(
            language, label, (component[np.searchsorted(meanings, piece)] for piece in pieces(meanings_told))
        )
    for positions in ranges(len(meanings)):
        label[positions] = label[component[positions]]
    _renumber(folder, label, sets)


class _Sets:
    """Sets of languages as a tree, by label: each set is a smaller set and one more language."""

    def __init__(self) -> None:
        # the empty set, without a translation (0) and with one (1)
        self._smaller, self._language = [0, 1], [-1, -1]

    def refine(self, language: int, label: IntArray, components: Iterator[IntArray]) -> None:
        """Adds a language to the sets of the components that have sentences in it."""
        begin, larger = len(self._smaller), dict[int, int]()
        for piece in components:
            # a component may come again, with another of its meanings
            fresh = np.unique(piece[label[piece] < begin])
            values, places = np.unique(label[fresh], return_inverse=True)
            for value in values.tolist():
                if value not in larger:
                    larger[value] = len(self._smaller)
                    self._smaller.append(value)
                    self._language.append(language)
            label[fresh] = np.array([larger[value] for value in values.tolist()], dtype=np.int64)[places]

    def languages(self, label: int) -> tuple[int, list[int]]:
        """1 if the set of this label has a translation, else 0; and the languages of the set, in order."""
        languages = list[int]()
        while self._language[label] >= 0:
            languages.append(self._language[label])
            label = self._smaller[label]
        return label, languages[::-1]


def _renumber(folder: Path, label: IntArray, sets: _Sets) -> None:
    """Numbers the labels that are in use from 0 on, and writes the languages of each."""
    used = np.zeros(0, dtype=np.int64)
    for piece in pieces(label):
        used = np.union1d(used, piece)
    for piece in pieces(label):
        piece[:] = np.searchsorted(used, piece)
    bounds = np.zeros((len(used), 2), dtype=np.int64)

    def languages() -> Iterator[IntArray]:
        for number, value in enumerate(used.tolist()):
            translated, languages = sets.languages(value)
            bounds[number] = len(languages), translated
            yield np.array(languages)

    write(folder / "strata.bin", languages())
    bounds[:, 0] = np.cumsum(bounds[:, 0])
    write(folder / "strata-bounds.bin", [bounds])
