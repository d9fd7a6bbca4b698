"""Which sentences of an encoded corpus have which language, and which translate each other: memory-mapped files.

They are written in pieces, so a corpus of any size is indexed, and opened, in the same memory.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

IntArray = np.ndarray
PIECE: Final = 100_000


class Index:
    """The index that `write_index` has left in a folder, of so many sentences in so many languages.

    Raises:
        OSError, ValueError: it is not there, or not whole.

    Attributes:
        meanings: int64, the distinct meanings, sorted.
        told_in: int64 per meaning, in how many languages it is told.
        rows: per language, int64, its sentences in the order of the corpus.
    """

    def __init__(self, folder: Path, languages: int, sentences: int) -> None:
        self._folder = folder
        self.meanings = mapped(folder / "meanings.bin")
        self.told_in = mapped(folder / "told_in.bin")
        self.rows = [mapped(folder / f"rows-{language}.bin") for language in range(languages)]
        self._sorted = [mapped(_by_meaning(folder, language)) for language in range(languages)]
        self._keys = [mapped(folder / f"keys-{language}.bin") for language in range(languages)]
        for arrays in (self.rows, self._sorted, self._keys):
            if (found := sum(map(len, arrays))) != sentences:
                raise ValueError(f"{folder} indexes {found} of {sentences} sentences")

    def rows_of(self, language: int, meanings: IntArray) -> IntArray:
        """The sentences of one language that tell one of some distinct meanings."""
        keys = self._keys[language]
        begins, ends = (np.searchsorted(keys, meanings, side=side) for side in ("left", "right"))
        return self._sorted[language][spans(begins, ends - begins)]

    def translations(self, first: int, second: int) -> IntArray:
        """[n, 2]: for each meaning told in both of two languages, in order, its first sentence in each.

        Written when it is asked for the first time.
        """
        path = self._folder / f"translations-{first}-{second}.bin"
        if not path.is_file():
            _write(path, self._translations(first, second))
        return mapped(path).reshape(-1, 2)

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
    with ExitStack() as opened:
        files = [
            opened.enter_context((folder / f"rows-{number}.bin").open("wb")) for number in range(languages)
        ]
        for begin in range(0, len(language), PIECE):
            piece = np.asarray(language[begin : begin + PIECE])
            for number in np.unique(piece):
                (begin + np.flatnonzero(piece == number)).tofile(files[number])
    for number in range(languages):
        _sort(folder, number, meaning)
    keys = [mapped(folder / f"keys-{number}.bin") for number in range(languages)]
    _write(folder / "meanings.bin", (values for values, _ in _merged(keys)))
    _write(folder / "told_in.bin", (counts for _, counts in _merged(keys)))


def _sort(folder: Path, language: int, meaning: IntArray) -> None:
    """Writes the meanings of a language in order, and where they are not those of its rows, the rows in that order."""
    rows, keys = mapped(folder / f"rows-{language}.bin"), folder / f"keys-{language}.bin"
    _write(keys, (meaning[rows[begin : begin + PIECE]] for begin in range(0, len(rows), PIECE)))
    found = mapped(keys)
    if any((np.diff(found[begin : begin + PIECE + 1]) < 0).any() for begin in range(0, len(found), PIECE)):
        order = np.argsort(found, kind="stable")
        _write(folder / f"sorted-{language}.bin", [rows[order]])
        _write(keys, [found[order]])


def _merged(keys: list[IntArray]) -> Iterator[tuple[IntArray, IntArray]]:
    """Distinct values of sorted arrays, piece by piece in order, and how many of the arrays have each."""
    edges = np.unique(np.concatenate([array[::PIECE] for array in keys]))
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        ends = [len(array) if high is None else np.searchsorted(array, high) for array in keys]
        begins = [np.searchsorted(array, low) for array in keys]
        pieces = [np.unique(array[begin:end]) for array, begin, end in zip(keys, begins, ends, strict=True)]
        yield np.unique(np.concatenate(pieces), return_counts=True)


def _by_meaning(folder: Path, language: int) -> Path:
    own = folder / f"sorted-{language}.bin"
    return own if own.is_file() else folder / f"rows-{language}.bin"


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
