"""One colour and one marker shape per language, the same in every figure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zlib import crc32

from langcodes import Language

# each reaches a contrast of 3:1 on the light and on the dark background; shape tells apart what colour cannot
COLOURS: Final = {
    "blue": "#2f7fc1",
    "vermilion": "#d55e00",
    "green": "#009a70",
    "pink": "#c8689b",
    "amber": "#b98300",
    "olive": "#7f8a2a",
    "violet": "#8a63c7",
    "slate": "#71808f",
}
# the symbols that Plotly draws in two dimensions and in three
SYMBOLS: Final = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open", "diamond-open")
FIXED: Final = {
    "en": ("blue", "circle"),
    "fr": ("vermilion", "square"),
    "ar": ("green", "diamond"),
    "hi": ("pink", "cross"),
    "zh": ("amber", "x"),
    "de": ("slate", "square"),
    "es": ("violet", "circle"),
    "ru": ("olive", "square"),
    "el": ("blue", "diamond-open"),
    "bg": ("green", "square-open"),
    "tr": ("vermilion", "circle-open"),
    "ur": ("violet", "diamond"),
    "th": ("pink", "circle-open"),
    "vi": ("olive", "diamond-open"),
    "sw": ("amber", "square-open"),
    "cs": ("slate", "circle-open"),
}

NO_LETTER: Final = re.compile("[^A-Za-z0-9-]")


@dataclass(frozen=True)
class LanguageStyle:
    """Colour, marker symbol, English name and own name of a language."""

    tag: str
    colour: str
    symbol: str
    name: str
    autonym: str


@lru_cache(maxsize=512)
def language_style(tag: str) -> LanguageStyle:
    """The style of a BCP-47 tag; a tag without a fixed style always gets the same free combination.

    >>> language_style("en").name, language_style("en").symbol
    ('English', 'circle')
    """
    colour, symbol = FIXED.get(tag) or _free_styles()[crc32(tag.encode()) % len(_free_styles())]
    try:
        language = Language.get(tag)
        name, autonym = language.display_name(), language.autonym()
    except ValueError:
        # langcodes refuses this tag; a run may still hold it, and figures and pages need a name
        name = autonym = NO_LETTER.sub("?", tag)
    return LanguageStyle(tag, COLOURS[colour], symbol, name, autonym)


@lru_cache(maxsize=1)
def _free_styles() -> tuple[tuple[str, str], ...]:
    taken = set(FIXED.values())
    return tuple(pair for colour in COLOURS for symbol in SYMBOLS if (pair := (colour, symbol)) not in taken)
