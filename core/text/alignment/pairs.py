"""Sentence pairs as rows of word numbers, and the cells of their alignment matrices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.text.arrays import IntArray
from core.text.encoded import Rows

NULL: Final = 0
"""The source word to which target words without a translation are aligned; numbers of other words begin at 1."""
CELLS: Final = 2_000_000
"""Cells that are held at once."""


@dataclass(frozen=True)
class WordPairs:
    """Sentences and their translations as numbers of words.

    Attributes:
        source, target: rows of numbers from 1, row i of one translates row i of the other.
        num_source, num_target: how many numbers there are, `NULL` included.
    """

    source: Rows
    target: Rows
    num_source: int
    num_target: int

    @classmethod
    def of(cls, source: Sequence[Sequence[str]], target: Sequence[Sequence[str]]) -> "WordPairs":
        """From sentences as lists of words; each side has its own numbers."""
        rows, sizes = zip(*(_numbered(side) for side in (source, target)), strict=True)
        return cls(*rows, *sizes)

    @property
    def reversed(self) -> "WordPairs":
        """The same pairs in the other direction."""
        return WordPairs(self.target, self.source, self.num_target, self.num_source)

    def __len__(self) -> int:
        return len(self.source.lengths)

    def blocks(self) -> Iterator["Cells"]:
        """The cells of consecutive pairs, some `CELLS` at a time."""
        sizes = (self.source.lengths + 1) * self.target.lengths
        ends = np.cumsum(sizes)
        begin = 0
        while begin < len(self):
            before = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, before + CELLS, side="right")))
            yield Cells.of(self, np.arange(begin, end))
            begin = end


def _numbered(sentences: Sequence[Sequence[str]]) -> tuple[Rows, int]:
    numbers: dict[str, int] = {}
    flat = [numbers.setdefault(word, len(numbers) + 1) for words in sentences for word in words]
    lengths = np.array([len(words) for words in sentences], dtype=np.int64)
    return Rows(np.array(flat, dtype=np.int64), lengths), len(numbers) + 1


@dataclass(frozen=True)
class Cells:
    """The cells of the alignment matrices of some pairs: for each target word first `NULL`, then each source word.

    Attributes:
        source, target: numbers of the words of each cell.
        distance: |i / m - j / n| of target word i of m and source word j of n, both from 1; NaN for `NULL`.
        starts: where the cells of each target word begin.
        source_place: place of the source word in its sentence, -1 for `NULL`.
        sizes: source words of the sentence of each target word.
        num_words: target words of each pair.
    """

    source: IntArray
    target: IntArray
    distance: np.ndarray
    starts: IntArray
    source_place: IntArray
    sizes: IntArray
    num_words: IntArray

    @classmethod
    def of(cls, pairs: WordPairs, which: IntArray) -> "Cells":
        """The cells of the pairs with these numbers, which are consecutive."""
        n, m = pairs.source.lengths[which], pairs.target.lengths[which]
        owner = np.repeat(np.arange(len(which)), m)
        sizes = n[owner]
        counts = sizes + 1
        starts = np.cumsum(counts) - counts
        word = np.repeat(np.arange(len(owner)), counts)
        place = np.arange(len(word)) - starts[word] - 1
        source_start = pairs.source.starts[which][owner][word]
        at = np.minimum(source_start + np.maximum(place, 0), max(0, len(pairs.source.ids) - 1))
        source = np.where(place < 0, NULL, pairs.source.ids[at] if len(pairs.source.ids) else NULL)
        target_begin = int(pairs.target.starts[which[0]]) if len(which) else 0
        target = pairs.target.ids[target_begin : target_begin + len(owner)]
        target_place = np.arange(len(owner)) - np.repeat(np.cumsum(m) - m, m)
        distance = np.abs(
            (target_place[word] + 1) / m[owner][word] - (place + 1) / np.maximum(sizes[word], 1)
        )
        return cls(source, target[word], np.where(place < 0, np.nan, distance), starts, place, sizes, m)
