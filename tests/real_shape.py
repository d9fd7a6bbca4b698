"""Text of the shape that real multilingual text has: English-centric, unequal, duplicated, partly untranslated.

At scale 1: `fr` shares 20,000 meanings with English, eight languages share 50 to 900 with English only, `zh` has no
translation, `de` has three sentences. One row in twenty comes twice, exactly or as NFC and NFD of one text. One English
sentence in twenty repeats with several translations, each under a meaning number of its own.
"""

import csv
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np

from core.text.corpus import Corpus, write_corpus
from lab.world import World

Row = tuple[int, str, str]
ENGLISH_PAIRS: Final = {
    "fr": 20_000,
    "ar": 900,
    "hi": 700,
    "sw": 500,
    "th": 400,
    "ru": 300,
    "tr": 200,
    "ur": 100,
    "vi": 50,
    "de": 3,
}
"""Meanings that a language shares with English, at scale 1; `de` has three at every scale."""
UNTRANSLATED: Final = ("zh", 600)
REPEATED: Final = 20
"""Every so manyth pair comes twice, and every so manyth English sentence repeats with other translations."""


def real_shape_rows(scale: float = 1.0, seed: int = 0) -> Iterator[Row]:
    """Rows as files hold them: meaning, language, text; not normalised, duplicates included."""
    world = World.load(languages=["en", *ENGLISH_PAIRS, UNTRANSLATED[0]], paraphrases=True)
    sizes = {tag: size if tag == "de" else max(5, round(size * scale)) for tag, size in ENGLISH_PAIRS.items()}
    alone = max(5, round(UNTRANSLATED[1] * scale))
    meanings = iter(world.draw(sum(sizes.values()) + alone, seed).tolist())
    rng, numbers = np.random.default_rng([seed, 1]), count()
    for tag, size in sizes.items():
        for position in range(size):
            meaning = next(meanings)
            english, translation = (world.sentence(meaning, language, rng) for language in ("en", tag))
            yield from _pair(next(numbers), english, tag, translation)
            if position % REPEATED == 7:
                # the twin: exact, or the same text in other code points
                form = "NFD" if position % (2 * REPEATED) == 7 else "NFC"
                yield from _pair(
                    next(numbers),
                    unicodedata.normalize(form, english),
                    tag,
                    unicodedata.normalize(form, translation),
                )
            if position % REPEATED == 11:
                # the same English sentence with two more translations
                yield from _pair(next(numbers), english, tag, world.sentence(meaning, tag, rng) + " ~")
                yield from _pair(next(numbers), english, tag, world.sentence(meaning, tag, rng) + " ~~")
    for _ in range(alone):
        yield next(numbers), UNTRANSLATED[0], world.sentence(next(meanings), UNTRANSLATED[0], rng)


def _pair(number: int, english: str, tag: str, translation: str) -> Iterator[Row]:
    yield number, "en", english
    yield number, tag, translation


def real_shape_corpus(folder: Path, scale: float = 1.0, seed: int = 0) -> Corpus:
    """The rows as a corpus that holds every duplicate: what an older import has left, or a table made elsewhere."""
    return write_corpus(real_shape_rows(scale, seed), folder, source="invented", licence="MIT")


def real_shape_file(path: Path, scale: float = 1.0, seed: int = 0) -> Path:
    """The rows as a CSV file with the columns meaning, language, text, as `lab corpus import` reads it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("meaning", "language", "text"))
        table.writerows(real_shape_rows(scale, seed))
    return path
