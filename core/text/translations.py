"""Which sentences translate each other, pair of languages by pair of languages: one memory-mapped table."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.files import whole_file
from core.text.arrays import IntArray, mapped, pieces, write
from core.text.strata import Strata

Side = tuple[IntArray, IntArray]
"""The meanings of the sentences of a language, sorted, and the sentences in that order."""


@dataclass(frozen=True)
class Translations:
    """Sentences that translate each other, those of one pair of languages behind those of the other.

    For each meaning told in both, in order, its first sentence in each.

    Attributes:
        languages: [pairs, 2], the two languages, in order; pairs without translations are left out.
        rows: [translations, 2], sentences of the corpus.
        bounds: [pairs + 1], where the rows of each pair begin, and where the last ones end.
    """

    languages: IntArray
    rows: IntArray
    bounds: IntArray

    @property
    def sizes(self) -> IntArray:
        """How many translations each pair has."""
        return np.diff(self.bounds)

    def pairs_among(self, languages: IntArray) -> IntArray:
        """The numbers of the pairs of some languages, which are given in order."""
        sources, targets = languages[np.stack(np.triu_indices(len(languages), 1))]
        base = 1 + max(self.languages.max(initial=0), languages.max(initial=0))
        codes, wanted = self.languages @ [base, 1], sources * base + targets
        numbers = np.minimum(np.searchsorted(codes, wanted), max(0, len(codes) - 1))
        return numbers[codes[numbers] == wanted] if len(codes) else numbers[:0]


def open_translations(folder: Path, pivot: int | None) -> Translations:
    """What `write_translations` has left in a folder.

    Raises:
        OSError, ValueError: it is not there, or not whole.
    """
    rows, pairs = _paths(folder, pivot)
    table = mapped(pairs).reshape(-1, 3)
    bounds = np.concatenate([[0], table[:, 2]])
    return Translations(
        np.asarray(table[:, :2]), mapped(rows, count=2 * int(bounds[-1])).reshape(-1, 2), bounds
    )


def write_translations(folder: Path, pivot: int | None, strata: Strata, sides: list[Side]) -> None:
    """Writes the translations between each two languages, or between each language and the pivot.

    Args:
        folder: of the index.
        pivot: a language, or None for all pairs.
        strata: which languages share meanings at all.
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
    """The file of the rows and that of the pairs, which is written last."""
    name = "all" if pivot is None else str(pivot)
    return folder / f"translations-{name}.bin", folder / f"translations-{name}-pairs.bin"


def _neighbours(strata: Strata, pivot: int | None) -> list[tuple[int, int]]:
    """Pairs of languages in one stratum, in order; with a pivot only its own."""
    count = 1 + int(strata.members()[1].max(initial=-1))
    together = np.zeros((count, count), dtype=bool)
    for stratum in range(len(strata)):
        languages = strata.languages(stratum)
        together[np.ix_(languages, languages)] = True
    sources, targets = np.nonzero(np.triu(together, 1))
    pairs = zip(sources.tolist(), targets.tolist(), strict=True)
    return [pair for pair in pairs if pivot is None or pivot in pair]


def _shared(source: Side, target: Side) -> Iterator[IntArray]:
    """The first sentences of both sides for each meaning that both have."""
    (keys, rows), (other_keys, other_rows) = source, target
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
