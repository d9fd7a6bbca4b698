"""Integer arrays in files: written in pieces, memory-mapped when they are read."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

IntArray = np.ndarray
CHUNK_ROWS: Final = 100_000
"""Values that are held in memory at once."""


def pieces(array: IntArray) -> Iterator[IntArray]:
    """Views of an array, `CHUNK_ROWS` values each and fewer in the last."""
    return (array[begin : begin + CHUNK_ROWS] for begin in range(0, len(array), CHUNK_ROWS))


def ranges(count: int) -> Iterator[IntArray]:
    """The numbers 0 ... count - 1 in pieces of `CHUNK_ROWS`."""
    return (np.arange(begin, min(begin + CHUNK_ROWS, count)) for begin in range(0, count, CHUNK_ROWS))


def segments(array: IntArray, bounds: IntArray) -> list[IntArray]:
    """Views of an array between bounds: the first from bounds[0] to bounds[1]."""
    return [array[begin:end] for begin, end in pairwise(bounds)]


def concatenated_ranges(starts: IntArray, lengths: IntArray) -> IntArray:
    """Positions start, start + 1, ..., start + length - 1 of each span, span after span."""
    return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())


def ranks(groups: IntArray) -> IntArray:
    """For each value, the number of equal values before it.

    Example:
        >>> ranks(np.array([7, 2, 7, 7])).tolist()
        [0, 0, 1, 2]
    """
    order = np.argsort(groups, kind="stable")
    _, starts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    places = np.empty(len(groups), dtype=np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(starts, counts)
    return places


def write(path: Path, values: Iterable[IntArray]) -> None:
    """Writes int64 values, piece by piece."""
    with path.open("wb") as file:
        for piece in values:
            np.asarray(piece, dtype=np.int64).tofile(file)


def mapped(path: Path, dtype: type[np.integer[Any]] = np.int64, count: int | None = None) -> IntArray:
    """The values in a file, memory-mapped: the first `count`, or all.

    Raises:
        OSError: there is no such file.
        ValueError: the file holds fewer values.
    """
    if count is None:
        count = path.stat().st_size // np.dtype(dtype).itemsize
    # an empty file cannot be mapped
    return np.memmap(path, dtype=dtype, mode="r", shape=(count,)) if count else np.zeros(0, dtype=dtype)


def changeable(path: Path) -> IntArray:
    """The int64 values in a file that `write` wrote, memory-mapped: an assignment changes the file."""
    return np.memmap(path, dtype=np.int64, mode="r+") if path.stat().st_size else np.zeros(0, dtype=np.int64)
