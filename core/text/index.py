"""Which sentences of an encoded corpus have which language, and which translate each other: memory-mapped files.

They are written in pieces, so a corpus of any size is indexed, and opened, in the same memory.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

IntArray = np.ndarray
PIECE: Final = 100_000


class Index:
    """The index that `write_index` has left in a folder, of so many sentences.

    Its files are few, however many languages there are: each that is mapped holds a file descriptor.

    Raises:
        OSError, ValueError: it is not there, or not whole.

    Attributes:
        meanings: int64, the distinct meanings, sorted.
        told_in: int64 per meaning, in how many languages it is told.
        rows: per language, int64, its sentences in the order of the corpus.
    """

    def __init__(self, folder: Path, sentences: int) -> None:
        self._folder = folder
        self.meanings, self.told_in = mapped(folder / "meanings.bin"), mapped(folder / "told_in.bin")
        bounds = mapped(folder / "bounds.bin")
        if not len(bounds) or bounds[-1] != sentences:
            raise ValueError(f"{folder} does not index {sentences} sentences")
        own = folder / "sorted.bin"
        self.rows = _parts(mapped(folder / "rows.bin", count=sentences), bounds)
        self._keys = _parts(mapped(folder / "keys.bin", count=sentences), bounds)
        self._sorted = _parts(mapped(own, count=sentences), bounds) if own.is_file() else self.rows

    def rows_of(self, language: int, meanings: IntArray) -> IntArray:
        """The sentences of one language that tell one of some distinct meanings."""
        keys = self._keys[language]
        begins, ends = (np.searchsorted(keys, meanings, side=side) for side in ("left", "right"))
        return self._sorted[language][spans(begins, ends - begins)]

    def translations(self, pivot: int | None) -> dict[tuple[int, int], IntArray]:
        """Of each two languages, or of each two with the pivot: [n, 2], sentences that translate each other.

        For each meaning told in both, in order, its first sentence in each. Written when asked for the first time.
        """
        pairs = [pair for pair in combinations(range(len(self.rows)), 2) if pivot is None or pivot in pair]
        told = "all" if pivot is None else str(pivot)
        path, ends = (self._folder / f"translations-{told}{kind}.bin" for kind in ("", "-bounds"))
        if not ends.is_file():
            bounds = [0]
            _write(path, self._all_translations(pairs, bounds))
            _write(ends, [np.array(bounds)])
        found = mapped(ends)
        rows = mapped(path, count=2 * int(found[-1])).reshape(-1, 2)
        return dict(zip(pairs, _parts(rows, found), strict=True))

    def _all_translations(self, pairs: list[tuple[int, int]], bounds: list[int]) -> Iterator[IntArray]:
        """One pair of languages behind the other; adds to `bounds` where each ends."""
        for pair in pairs:
            bounds.append(bounds[-1])
            for rows in self._translations(*pair):
                bounds[-1] += len(rows)
                yield rows

    def _translations(self, first: int, second: int) -> Iterator[IntArray]:
        keys, others = self._keys[first], self._keys[second]
        for begin in range(0, len(keys), PIECE):
            values, at = np.unique(keys[begin : begin + PIECE], return_index=True)
            # where a meaning begins: not in the piece before
            fresh = np.searchsorted(keys, values) == begin + at
            values, at = values[fresh], begin + at[fresh]
            found = np.searchsorted(others, values)
            shared = np.flatnonzero(found < np.searchsorted(others, values, side="right"))
            yield np.stack([self._sorted[first][at[shared]], self._sorted[second][found[shared]]], axis=1)


def spans(starts: IntArray, lengths: IntArray) -> IntArray:
    """The positions start, start + 1, ..., start + length - 1 of each span, one span behind the other."""
    return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())


def write_index(folder: Path, meaning: IntArray, language: IntArray, languages: int) -> None:
    """Indexes the sentences of a corpus by language and by meaning.

    Only a language whose sentences do not come in the order of their meanings is sorted in memory, 24 bytes a sentence.

    Args:
        folder: made here.
        meaning: int64 per sentence.
        language: per sentence, 0 ... languages - 1.
        languages: how many there are.
    """
    folder.mkdir()
    counts = np.zeros(languages, dtype=np.int64)
    for begin in range(0, len(language), PIECE):
        counts += np.bincount(language[begin : begin + PIECE], minlength=languages)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    _write(folder / "bounds.bin", [bounds])
    own = (
        begin + np.flatnonzero(language[begin : begin + PIECE] == number)
        for number in range(languages)
        for begin in range(0, len(language), PIECE)
    )
    _write(folder / "rows.bin", own)
    rows, keys = mapped(folder / "rows.bin"), folder / "keys.bin"
    _write(keys, (meaning[piece] for piece in _pieces(rows)))
    if not all(map(_in_order, _parts(mapped(keys), bounds))):
        _write(folder / "sorted.bin", _sorted(_parts(rows, bounds), _parts(mapped(keys), bounds)))
        _write(keys, (meaning[piece] for piece in _pieces(mapped(folder / "sorted.bin"))))
    told = _parts(mapped(keys), bounds)
    _write(folder / "meanings.bin", (values for values, _ in _merged(told)))
    _write(folder / "told_in.bin", (counts for _, counts in _merged(told)))


def _pieces(array: IntArray) -> Iterator[IntArray]:
    return (array[begin : begin + PIECE] for begin in range(0, len(array), PIECE))


def _parts(array: IntArray, bounds: IntArray) -> list[IntArray]:
    """Views of an array between bounds: the first from bounds[0] to bounds[1]."""
    return [array[begin:end] for begin, end in pairwise(bounds)]


def _in_order(keys: IntArray) -> bool:
    # pieces that overlap by one
    pieces = (keys[begin : begin + PIECE + 1] for begin in range(0, len(keys), PIECE))
    return all((piece[:-1] <= piece[1:]).all() for piece in pieces)


def _sorted(rows: list[IntArray], keys: list[IntArray]) -> Iterator[IntArray]:
    """The rows of each language in the order of their keys, and of the corpus where they have the same."""
    for own, meanings in zip(rows, keys, strict=True):
        if _in_order(meanings):
            yield from _pieces(own)
        else:
            yield own[np.argsort(meanings, kind="stable")]


def _merged(keys: list[IntArray]) -> Iterator[tuple[IntArray, IntArray]]:
    """Distinct values of sorted arrays, piece by piece in order, and how many of the arrays have each."""
    edges = np.unique(np.concatenate([array[::PIECE] for array in keys]))
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        ends = [len(array) if high is None else np.searchsorted(array, high) for array in keys]
        begins = [np.searchsorted(array, low) for array in keys]
        pieces = [np.unique(array[begin:end]) for array, begin, end in zip(keys, begins, ends, strict=True)]
        yield np.unique(np.concatenate(pieces), return_counts=True)


def _write(path: Path, pieces: Iterable[IntArray]) -> None:
    """Writes int64 values whole or not at all; a file that is mapped already keeps what it has."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                np.asarray(piece, dtype=np.int64).tofile(file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def mapped(path: Path, dtype: type[np.integer[Any]] = np.int64, count: int | None = None) -> IntArray:
    """The values in a file, memory-mapped: `count` of them, or as many as there are.

    Raises:
        OSError: there is no such file.
        ValueError: it holds fewer.
    """
    if count is None:
        count = path.stat().st_size // np.dtype(dtype).itemsize
    # an empty file cannot be mapped
    return np.memmap(path, dtype=dtype, mode="r", shape=(count,)) if count else np.zeros(0, dtype=dtype)
