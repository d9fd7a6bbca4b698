"""ALP of one language as its vocabulary grows: the curve that a shared vocabulary is allocated by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from core.errors import InputError
from core.text.arrays import IntArray
from core.text.identity import text_hashes
from core.text.vocabulary.alp import average_log_probability
from core.text.vocabulary.unigram import CountedPieces, count_pieces, pruned, train_unigram
from core.text.vocabulary.words import Words


@dataclass(frozen=True, eq=False)
class Curve:
    """Vocabularies of one language by size.

    Attributes:
        language: tag.
        sizes: pieces of each, ascending; at least one.
        alp: nats per line.
        vocabularies: the 64-bit hashes of the pieces of each.
        characters: of a line, on average.
        infeasible: sizes that were asked for and cannot be had, with the reason.
    """

    language: str
    sizes: tuple[int, ...]
    alp: tuple[float, ...]
    vocabularies: tuple[IntArray, ...]
    characters: float = 1.0
    infeasible: dict[int, str] = field(default_factory=dict[int, str])

    @cached_property
    def hull(self) -> tuple[float, ...]:
        """The smallest concave curve that is nowhere below, in nats per line."""
        return tuple(concave(self.sizes, self.alp))

    @property
    def gains(self) -> list[float]:
        """What one more piece brings between a size and the next, in nats per line: on the hull, so it never grows."""
        return [(b - a) / (n - m) for (a, m), (b, n) in pairwise(zip(self.hull, self.sizes, strict=True))]

    def per_character(self) -> "Curve":
        """The curve in nats per character, which does not grow with the length of lines."""
        return replace(self, alp=tuple(value / self.characters for value in self.alp))


def concave(sizes: Sequence[int], alp: Sequence[float]) -> list[float]:
    """The smallest concave curve through or above some points, at their sizes; its ends are theirs.

    Slopes that grow are pooled with those before (pool-adjacent-violators). The released code adds 1e-6 inside a pooled
    stretch so that no two slopes are equal; here ties are decided where they matter, in the order of steps.

    Example:
        >>> concave([1, 2, 3, 4], [0.0, 1.0, 3.0, 3.5])
        [0.0, 1.5, 3.0, 3.5]
    """
    corners = list[int]()
    for place in range(len(sizes)):
        while len(corners) > 1 and _below(sizes, alp, corners[-2], corners[-1], place):
            corners.pop()
        corners.append(place)
    known = [sizes[place] for place in corners], [alp[place] for place in corners]
    return [float(value) for value in np.interp(sizes, *known)]


def _below(sizes: Sequence[int], alp: Sequence[float], a: int, b: int, c: int) -> bool:
    """Whether the middle one of three points lies on or below the line through the others."""
    return (alp[b] - alp[a]) * (sizes[c] - sizes[a]) <= (alp[c] - alp[a]) * (sizes[b] - sizes[a])


def size_grid(step: int, count: int) -> list[int]:
    """Sizes that are tried: the step and its multiples."""
    return [step * number for number in range(1, count + 1)]


def language_curve(
    language: str,
    words: Words,
    sizes: Sequence[int],
    keep: Callable[[CountedPieces], None],
    train_each_size: bool = False,
) -> Curve:
    """The curve of a language over those of the sizes that its text allows.

    The largest vocabulary is trained and pruned to the others, or each is trained anew, as released. Released code
    leaves infeasible sizes out without a word. Where none of the sizes is feasible the largest vocabulary that there is
    stands alone.

    Args:
        language: tag.
        words: of its text.
        sizes: pieces.
        keep: called with each vocabulary and its counts, in the order of the curve.
        train_each_size: trains each.

    Raises:
        InputError: the language has no text.
    """
    if not words.lines:
        raise InputError(
            f"expected text of {language}, got none but spaces: leave the language out of the corpus"
        )
    largest = train_unigram(words, max(*sizes, words.alphabet + 1))
    required = sum(len(piece) == 1 for piece in largest)
    infeasible = {
        size: f"the text has {required:,} characters that need a piece"
        if size < required
        else f"the text yields {len(largest):,} pieces"
        for size in sizes
        if not required <= size <= len(largest)
    }
    # no size may be feasible, for a few sentences or for thousands of characters
    feasible = sorted({size for size in sizes if size not in infeasible}) or [len(largest)]
    points = list(_points(words, largest, feasible, train_each_size))
    for point in points:
        keep(point)
    return Curve(
        language,
        tuple(len(point.pieces) for point in points),
        tuple(_alp(point, words.lines) for point in points),
        tuple(_hashes(points)),
        words.characters / words.lines,
        infeasible,
    )


def _points(
    words: Words, largest: dict[str, float], sizes: Sequence[int], train_each_size: bool
) -> Iterator[CountedPieces]:
    """Vocabularies of ascending sizes, each with other pieces than the one before, and more."""
    if not train_each_size:
        yield from reversed(list(pruned(words, largest, sizes)))
        return
    reached = 0
    for size in sizes:
        point = count_pieces(words, train_unigram(words, size))
        # SentencePiece may stop below a size that a larger one shows to be feasible
        if len(point.pieces) > reached:
            reached = len(point.pieces)
            yield point


def _alp(point: CountedPieces, lines: int) -> float:
    return average_log_probability(np.append(point.counts, point.unknown), lines)


def _hashes(points: Sequence[CountedPieces]) -> Iterator[IntArray]:
    """Hashes of the pieces of each vocabulary; a piece is hashed once."""
    names = sorted(set().union(*(point.pieces for point in points)))
    known = dict(zip(names, text_hashes(names), strict=True))
    for point in points:
        yield np.array([known[piece] for piece in point.pieces], dtype=np.uint64)
