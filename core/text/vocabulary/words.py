"""Words of a text with their counts: what a monolingual vocabulary is trained on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.text.arrays import IntArray
from core.text.tokenizer import text_normaliser, word_splitter


@dataclass(frozen=True)
class Words:
    """Words as `core.text.tokenizer` cuts them, each once.

    Attributes:
        words: sorted; those that begin one have `▁` in front.
        counts: how often each occurs.
        lines: of the text.
        characters: of the text, spaces included.
    """

    words: tuple[str, ...]
    counts: IntArray
    lines: int
    characters: int

    @property
    def alphabet(self) -> int:
        """Distinct characters."""
        return len(set().union(*self.words))


def count_words(lines: Iterable[str]) -> Words:
    """Words of some lines; lines without a word are none."""
    normalise, split = text_normaliser().normalize_str, word_splitter().pre_tokenize_str
    counts, number, characters = Counter[str](), 0, 0
    for line in lines:
        words = [word for word, _ in split(normalise(line))]
        counts.update(words)
        number += bool(words)
        characters += len(line)
    return _sorted(counts, number, characters)


def mixed_words(parts: Sequence[Words], weights: Sequence[float]) -> Words:
    """Words of several texts together, as many of them as before, of which each text has its weight's share.

    Args:
        parts: not empty.
        weights: of each part, summing to 1.
    """
    total, mixture = sum(int(part.counts.sum()) for part in parts), Counter[str]()
    for part, weight in zip(parts, weights, strict=True):
        scaled = np.maximum(1, np.rint(part.counts * (weight * total / part.counts.sum())))
        mixture.update(dict(zip(part.words, scaled.astype(np.int64).tolist(), strict=True)))
    return _sorted(mixture, sum(part.lines for part in parts), sum(part.characters for part in parts))


def _sorted(counts: Counter[str], lines: int, characters: int) -> Words:
    words = tuple(sorted(counts))
    return Words(words, np.array([counts[word] for word in words], dtype=np.int64), lines, characters)
