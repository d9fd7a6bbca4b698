"""Writes the index of an encoded corpus, in pieces: a corpus of any size is indexed in the same memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.text import arrays
from core.text.arrays import IntArray, mapped, pieces, segments, write
from core.text.identity import write_components
from core.text.strata import write_strata

NO_HASHES = np.zeros(0, dtype=np.uint64)


def write_index(
    folder: Path, meaning: IntArray, language: IntArray, languages: int, hashes: np.ndarray = NO_HASHES
) -> None:
    """Indexes the sentences of a corpus by language and by meaning.

    Two things are sorted in memory: a language whose sentences do not come in the order of their meanings, 24 bytes a
    sentence, and the meanings that share a text.

    Args:
        folder: is created.
        meaning: int64 per sentence.
        language: per sentence, 0 ... languages - 1.
        languages: number of languages.
        hashes: uint64 per sentence, `text_hashes` of its text; empty when no two meanings share a text.
    """
    folder.mkdir()
    counts = np.zeros(languages, dtype=np.int64)
    for piece in pieces(language):
        counts += np.bincount(piece, minlength=languages)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    write(folder / "bounds.bin", [bounds])
    write(folder / "rows.bin", _rows(language, languages))
    rows, keys = mapped(folder / "rows.bin"), folder / "keys.bin"
    write(keys, (meaning[piece] for piece in pieces(rows)))
    if not all(map(_in_order, segments(mapped(keys), bounds))):
        write(folder / "sorted.bin", _sorted(segments(rows, bounds), segments(mapped(keys), bounds)))
        write(keys, (meaning[piece] for piece in pieces(mapped(folder / "sorted.bin"))))
    sides = segments(mapped(keys), bounds)
    write(folder / "meanings.bin", (values for values, _ in _merged(sides)))
    meanings = mapped(folder / "meanings.bin")
    write_components(folder, meanings, meaning, hashes)
    write_strata(
        folder, meanings, mapped(folder / "component.bin"), (counts for _, counts in _merged(sides)), sides
    )


def _rows(language: IntArray, languages: int) -> Iterator[IntArray]:
    """The sentences of each language in the order of the corpus, language after language."""
    for number in range(languages):
        begin = 0
        for piece in pieces(language):
            yield begin + np.flatnonzero(piece == number)
            begin += len(piece)


def _in_order(keys: IntArray) -> bool:
    # pieces that overlap by one
    overlapping = (
        keys[begin : begin + arrays.CHUNK_ROWS + 1] for begin in range(0, len(keys), arrays.CHUNK_ROWS)
    )
    return all((piece[:-1] <= piece[1:]).all() for piece in overlapping)


def _sorted(rows: list[IntArray], keys: list[IntArray]) -> Iterator[IntArray]:
    """The rows of each language, sorted by key; rows with equal keys stay in the order of the corpus."""
    for sentences, meanings in zip(rows, keys, strict=True):
        if _in_order(meanings):
            yield from pieces(sentences)
        else:
            yield sentences[np.argsort(meanings, kind="stable")]


def _merged(keys: list[IntArray]) -> Iterator[tuple[IntArray, IntArray]]:
    """Distinct values of sorted arrays, piece by piece in order, and the number of arrays that hold each value."""
    edges = _edges(keys)
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        ends = [len(array) if high is None else np.searchsorted(array, high) for array in keys]
        begins = [np.searchsorted(array, low) for array in keys]
        distinct = [np.unique(array[begin:end]) for array, begin, end in zip(keys, begins, ends, strict=True)]
        yield np.unique(np.concatenate(distinct), return_counts=True)


def _edges(keys: list[IntArray]) -> list[int]:
    """Lower ends of pieces of sorted arrays, with about `CHUNK_ROWS` values of all arrays in a piece."""
    stride = max(1, arrays.CHUNK_ROWS // len(keys))
    samples = np.sort(np.concatenate([array[::stride] for array in keys]))
    return np.unique(samples[:: max(1, arrays.CHUNK_ROWS // stride)]).tolist()
