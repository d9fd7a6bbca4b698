"""Judges units: drops what no sentence table may hold, reports where each dropped text stood and why, and counts."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple
from unicodedata import normalize

import numpy as np
from xxhash import xxh3_64_intdigest

from core.text.corpus import CorpusRow
from core.text.readers.fingerprints import Fingerprints
from core.text.readers.unit import Unit

MAX_CHARACTERS: Final = 2_000
CHUNK_UNITS: Final = 2_000
PLAIN_NUMBERS: Final = 1 << 61
"""Meanings of this size or more stand for labels."""


def _characters(*spans: str) -> frozenset[str]:
    return frozenset(chr(code) for span in spans for code in range(ord(span[0]), ord(span[-1]) + 1))


INVISIBLE: Final = _characters(
    *"\u00ad\u034f\u061c\u2800\u3164\ufeff\uffa0 \u00a0\u1680\u202f\u205f\u3000",
    *("\u115f\u1160", "\u17b4\u17b5", "\u180b\u180f", "\u2000\u200f", "\u2028\u202e", "\u2060\u206f"),
    *("\ufe00\ufe0f", "\ufff0\ufff8", "\U0001bca0\U0001bca3", "\U0001d173\U0001d17a", "\U000e0000\U000e0fff"),
)
"""Spaces, marks of direction, variation selectors, fillers: default ignorable in Unicode, or blank."""


UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, TAB and line breaks among them, and surrogates, which stand for undecodable bytes."""


class Rejected(NamedTuple):
    """A text or unit that was left out: where it stood, why, and its text."""

    where: str
    reason: str
    text: str


@dataclass
class Counts:
    """Numbers of units by their fate: units = imported + duplicates + rejected.

    Attributes:
        units: units read in all.
        imported: new units without a fault.
        duplicates: units whose texts and meaning came before.
        rejected: units left out, whole or in part.
        missing: translations that units have a place for and do not hold.
        identical: translations in new units that repeat the text of another language.
    """

    units: int = 0
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    missing: int = 0
    identical: int = 0


class _Candidate(NamedTuple):
    meaning: int
    texts: dict[str, str]
    whole: bool
    fingerprint: int


@dataclass
class MeaningNumbers:
    """Numbers of meanings: lines count up, whole numbers stay, and labels are hashed, so that no two kinds collide.

    The kind that comes first keeps its numbers. A label has the same number in all files and orders.
    """

    plain: type | None = None

    def of(self, meaning: int | str | None, position: int) -> int:
        """The number of a unit's meaning; `position` is the position of the unit among all units."""
        if isinstance(meaning, str) and len(meaning) < 20 and meaning == _as_number(meaning):
            meaning = int(meaning)
        number = position if meaning is None else meaning
        if isinstance(number, str):
            return _hashed("label", number)
        kind = type(meaning)
        self.plain = self.plain or kind
        if kind is self.plain and -PLAIN_NUMBERS <= number < PLAIN_NUMBERS:
            return number
        return _hashed(kind.__name__, str(number))


def _as_number(text: str) -> str | None:
    # 05 and 5 are two labels
    return str(int(text)) if text.removeprefix("-").isdecimal() else None


def _hashed(kind: str, label: str) -> int:
    digest = hashlib.blake2b(f"{kind} {label}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return PLAIN_NUMBERS + int.from_bytes(digest) % PLAIN_NUMBERS


def sentences(
    units: Iterable[Unit],
    reject: Callable[[Rejected], None],
    counts: Counts,
    max_characters: int = MAX_CHARACTERS,
) -> Iterator[CorpusRow]:
    """Rows of a sentence table from units; memory does not grow with the number of units.

    A unit whose texts and meaning came before is a duplicate and is left out; texts are compared in NFC and without
    surrounding spaces. A faulty text is left out and the rest of its unit stays.

    Args:
        units: from a reader.
        reject: called with each text or unit that is left out.
        counts: adds up the units by their fate.
        max_characters: longer texts are faulty.
    """
    numbers, seen = MeaningNumbers(), Fingerprints()
    stream = iter(units)
    while chunk := _candidates(islice(stream, CHUNK_UNITS), numbers, reject, counts, max_characters):
        prints = np.array([candidate.fingerprint for candidate in chunk], dtype=np.uint64)
        for candidate, new in zip(chunk, seen.add(prints).tolist(), strict=True):
            counts.imported += new and candidate.whole
            counts.duplicates += candidate.whole and not new
            if new:
                texts = candidate.texts
                counts.identical += len(texts) - len(set(texts.values()))
                for tag, text in texts.items():
                    yield CorpusRow(candidate.meaning, tag, text)


def _candidates(
    units: Iterable[Unit],
    numbers: MeaningNumbers,
    reject: Callable[[Rejected], None],
    counts: Counts,
    max_characters: int,
) -> list[_Candidate]:
    """The acceptable texts of units; empty when there are no more units."""
    candidates: list[_Candidate] = []
    for unit in units:
        texts, whole = _accepted(unit, reject, max_characters)
        counts.missing += unit.missing
        counts.rejected += not whole
        number = numbers.of(unit.meaning, counts.units) if texts else 0
        meaning = "" if unit.meaning is None else str(number)
        content = "\n".join([meaning, *map("\t".join, sorted(texts.items()))])
        candidates.append(_Candidate(number, texts, whole, xxh3_64_intdigest(content.encode())))
        counts.units += 1
    return candidates


def _accepted(
    unit: Unit, reject: Callable[[Rejected], None], max_characters: int
) -> tuple[dict[str, str], bool]:
    """The acceptable texts of a unit, in NFC, and whether these are all its texts."""
    if unit.problem:
        reject(Rejected(unit.where, unit.problem, ""))
        return {}, False
    texts: dict[str, str] = {}
    for tag, raw in unit.texts.items():
        text = raw.strip()
        plain = text.isprintable() and 0 < len(text) <= max_characters and text[0] not in INVISIBLE
        if not plain and (problem := _problem(text, max_characters)):
            reject(Rejected(f"{unit.where} ({tag})", problem, text[:200]))
        else:
            texts[tag] = text if text.isascii() else normalize("NFC", text)
    if not unit.texts:
        reject(Rejected(unit.where, "is empty", ""))
    return texts, 0 < len(unit.texts) == len(texts)


def _problem(text: str, max_characters: int) -> str | None:
    if not text or (text[0] in INVISIBLE and all(character in INVISIBLE for character in text)):
        return "is empty" if not text else "is empty: its characters are all invisible"
    if not text.isprintable() and (match := UNFIT.search(text)):
        return _unfit(match.group())
    if len(text) > max_characters:
        return f"is over-long ({len(text):,} characters; at most {max_characters:,})"
    return None


def _unfit(character: str) -> str:
    if character == "\0":
        return "holds a NUL byte (UTF-16 without its mark? name it with --encoding utf-16-le)"
    if character >= "\ud800":
        return "is not UTF-8, or not in the encoding that was named: say which, for example --encoding cp1251"
    names = {"\t": "a TAB", "\n": "a line break", "\r": "a line break"}
    return f"holds {names.get(character, f'a control character (U+{ord(character):04X})')}"
