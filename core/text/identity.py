"""Components of meanings: meanings that share a text in any language, directly or through others, count as one.

A corpus may number one meaning twice: a sentence with several translations, a line that stands in two files, an
untranslated copy. The identity of a meaning is its connected component of equal NFC texts. Equal texts are found by
64-bit hashes, a bucket at a time: with 10^8 texts the chance that two different texts collide is 3 in 10,000.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.text.arrays import IntArray, changeable, pieces, ranges, write

BUCKET: Final = 2_000_000
"""Hashes that are sorted in memory at once, on average."""


def text_hashes(texts: Iterable[str]) -> np.ndarray:
    """64 bits of BLAKE2b of each text, uint64: the same on every machine."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def write_components(folder: Path, meanings: IntArray, meaning: IntArray, hashes: np.ndarray) -> None:
    """Writes the components of meanings.

    `component.bin` holds for each distinct meaning the position of the smallest meaning of its component.
    `merged.bin` lists all meanings that are not the smallest of their component: first the positions of their
    components, in order, then their own positions. Only these meanings are sorted in memory, 32 bytes each.

    Args:
        folder: of the index.
        meanings: int64, the distinct meanings, sorted.
        meaning: int64 per sentence.
        hashes: uint64 per sentence, of its text; empty when no two meanings share one.
    """
    path = folder / "component.bin"
    write(path, ranges(len(meanings)))
    component = changeable(path)
    for rows in _buckets(hashes):
        linked = _linked(hashes[rows])
        _unite(component, *(np.searchsorted(meanings, meaning[rows[ends]]) for ends in linked))
    for piece in pieces(component):
        piece[:] = _roots(component, piece)
    others = [np.flatnonzero(component[piece] != piece) + piece[0] for piece in ranges(len(meanings))]
    merged = np.concatenate([np.zeros(0, dtype=np.int64), *others])
    merged = merged[np.argsort(component[merged], kind="stable")]
    write(folder / "merged.bin", [component[merged], merged])


def _buckets(hashes: np.ndarray) -> Iterator[IntArray]:
    """Rows whose hashes lie in one range, range after range; equal hashes lie in the same range."""
    count = -(-len(hashes) // BUCKET)
    for number in range(count):
        begin, rows = 0, list[IntArray]()
        for piece in pieces(hashes):
            bucket = ((piece >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32)
            rows.append(begin + np.flatnonzero(bucket == number))
            begin += len(piece)
        yield np.concatenate(rows)


def _linked(hashes: np.ndarray) -> tuple[IntArray, IntArray]:
    """Pairs of positions with equal hashes; enough pairs to connect all positions of a hash."""
    order = np.argsort(hashes)
    equal = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    return order[equal], order[equal + 1]


def _unite(component: IntArray, sources: IntArray, targets: IntArray) -> None:
    """Points the root of every linked position to the smallest root that it is connected with."""
    sources, targets = sources[sources != targets], targets[sources != targets]
    if not len(sources):
        return
    ends = np.concatenate([_roots(component, sources), _roots(component, targets)])
    nodes, numbers = np.unique(ends, return_inverse=True)
    links = (np.ones(len(sources), dtype=bool), (numbers[: len(sources)], numbers[len(sources) :]))
    _, labels = connected_components(coo_array(links, shape=(len(nodes), len(nodes))), directed=False)
    # nodes are sorted, so the first of each label is its smallest
    _, smallest, back = np.unique(labels, return_index=True, return_inverse=True)
    component[nodes] = nodes[smallest[back]]


def _roots(component: IntArray, positions: IntArray) -> IntArray:
    """Root of each position: pointers are followed until one points to itself, a step or two for each bucket."""
    while True:
        nearer = component[positions]
        if (nearer == positions).all():
            return np.asarray(nearer)
        positions = nearer
