"""Splits a corpus into what training may see, as streams of sentences and translations, and what is held out."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.config import TextSettings
from core.errors import InputError
from core.text import arrays
from core.text.arrays import IntArray
from core.text.encoded import EncodedCorpus
from core.text.hold_out import hold_out
from core.text.index import Index
from core.text.translations import Translations

FEWEST: Final = 2
"""Fewest meanings to measure on: a single meaning cannot be mistaken for another."""
NO_TRANSLATIONS: Final = Translations(
    np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2), dtype=np.int64), np.zeros(1, dtype=np.int64)
)


class Remainder:
    """A view of a memory-mapped array without some of its elements.

    They are skipped when the view is indexed; nothing is copied.
    """

    def __init__(self, values: IntArray, left_out: IntArray) -> None:
        self._values = values
        # number of remaining elements before each element that is left out
        self._before = np.sort(left_out) - np.arange(len(left_out))

    def __len__(self) -> int:
        return len(self._values) - len(self._before)

    def __getitem__(self, positions: IntArray) -> IntArray:
        return np.asarray(self._values[positions + np.searchsorted(self._before, positions, side="right")])


class Streams:
    """Rows that training may see, in one stream per language or per pair of languages.

    Attributes:
        languages: the language of each stream, [streams], or its two languages, [streams, 2].
        sizes: number of rows of each stream.
        held_out: number of rows of each stream that are held out.
    """

    def __init__(self, languages: IntArray, rows: IntArray, bounds: IntArray, left_out: IntArray) -> None:
        """
        Args:
            languages: of each stream.
            rows: all rows, [rows] sentences or [rows, 2] translations.
            bounds: where the rows of each stream begin, and where the last stream ends, [streams + 1].
            left_out: the positions in `rows` that are held out.
        """
        self.languages = languages
        self.held_out = np.diff(np.searchsorted(np.sort(left_out), bounds))
        self.sizes = np.diff(bounds) - self.held_out
        self._rows, self._starts = Remainder(rows, left_out), np.cumsum(self.sizes) - self.sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def rows(self, streams: IntArray, positions: IntArray) -> IntArray:
        """Rows at the given positions, 0 ... size - 1, of streams."""
        return self._rows[self._starts[streams] + positions]


@dataclass(frozen=True)
class Split:
    """The sentences and translations that training may see, and the meanings that it may not see.

    Attributes:
        singles: the sentences, a stream per language of the corpus.
        pairs: the translations, a stream per pair of languages with translations.
        held_out: the meanings that are held out, sorted.
    """

    singles: Streams
    pairs: Streams
    held_out: IntArray

    @property
    def digest(self) -> str:
        """SHA-256 of the meanings that are held out."""
        return digest_of(self.held_out)


def digest_of(meanings: IntArray) -> str:
    """SHA-256 of meanings, which must be sorted."""
    return hashlib.sha256(meanings.astype("<i8").tobytes()).hexdigest()


def split(corpus: EncodedCorpus, settings: TextSettings, seed: int, needs_pairs: bool) -> Split:
    """Splits a corpus into what training may see and the meanings that are held out.

    Raises:
        InputError: the pivot is not among the languages, no two languages share a meaning, or fewer than two meanings
            can be held out.
    """
    languages, index = corpus.languages, corpus.index
    known = settings.pivot is None or settings.pivot in languages
    if needs_pairs and len(languages) > 1 and not known:
        raise InputError(
            f"text.pivot is {settings.pivot}, but the corpus has {' '.join(languages)}: name one, or None"
        )
    translations = NO_TRANSLATIONS
    if known:
        translations = index.translations(None if settings.pivot is None else languages.index(settings.pivot))
    if needs_pairs and not len(translations.rows):
        raise InputError(
            f"TLM and XLCO learn from translations, but no two languages of {' '.join(languages)} share a meaning"
            f"{f' with the pivot {settings.pivot}' if settings.pivot and len(languages) > 1 else ''}: "
            "add translations, or train with --tlm.no-enabled --contrast.no-enabled"
        )
    # whatever is trained, so that runs of different tasks can be compared on the same sentences
    held_out = hold_out(index, translations, settings.held_out, seed)
    if len(held_out) < FEWEST:
        raise InputError(
            f"too few meanings: {len(held_out)} held out, {FEWEST} needed to measure on, and no language or "
            "pair gives up more than a fifth of its sentences: add text, or raise text.held_out"
        )
    singles = Streams(np.arange(len(languages)), index.sentences, index.bounds, _sentences(index, held_out))
    left_out = held_out_translations(corpus, translations, held_out)
    pairs = Streams(translations.languages, translations.rows, translations.bounds, left_out)
    return Split(singles, pairs, held_out)


def _sentences(index: Index, held_out: IntArray) -> IntArray:
    """Positions in `index.sentences` of the sentences with held-out meanings."""
    places = [
        begin + np.searchsorted(rows, index.rows_of(language, held_out))
        for language, (begin, rows) in enumerate(zip(index.bounds, index.rows, strict=False))
    ]
    return np.concatenate(places)


def held_out_translations(corpus: EncodedCorpus, translations: Translations, held_out: IntArray) -> IntArray:
    """Positions in `translations.rows` of translations with held-out meanings, read a block of meanings at a time."""
    languages_of_meanings, places = _languages_of(corpus.index, held_out), [np.zeros(0, dtype=np.int64)]
    # a meaning has at most one translation in each pair of languages
    step = max(1, arrays.CHUNK_ROWS // max(1, len(translations.languages)))
    for begin in range(0, len(held_out), step):
        pairs = [
            translations.pairs_among(languages) for languages in languages_of_meanings[begin : begin + step]
        ]
        meanings = np.repeat(held_out[begin : begin + step], [len(numbers) for numbers in pairs])
        places.append(translations.places(corpus.meaning, np.concatenate(pairs), meanings))
    return np.concatenate(places)


def _languages_of(index: Index, meanings: IntArray) -> list[IntArray]:
    """The languages of each meaning, in order; `meanings` must be sorted."""
    members = [
        np.searchsorted(meanings, index.meanings_in(language, meanings))
        for language in range(len(index.rows))
    ]
    numbers, languages = (
        np.concatenate(members),
        np.repeat(np.arange(len(members)), [len(part) for part in members]),
    )
    order = np.argsort(numbers, kind="stable")
    return np.split(languages[order], np.cumsum(np.bincount(numbers))[:-1])
