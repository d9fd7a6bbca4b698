"""One colour and one shape per language, readable on light and dark."""

from itertools import combinations

import pytest

from lab.figures.languages import COLOURS, FIXED, SYMBOLS, language_style
from lab.world import LANGUAGES

BACKGROUNDS = ("#ffffff", "#12171d")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("colour", COLOURS.values())
def test_every_colour_stands_out_from_both_backgrounds(colour, background):
    low, high = sorted((luminance(colour), luminance(background)))
    assert (high + 0.05) / (low + 0.05) >= 3.0


def test_no_two_languages_of_the_world_look_the_same():
    styles = [language_style(tag) for tag in LANGUAGES]
    assert all((a.colour, a.symbol) != (b.colour, b.symbol) for a, b in combinations(styles, 2))


def test_languages_of_one_colour_differ_in_shape_and_the_five_of_the_toy_in_both():
    toy = [FIXED[tag] for tag in ("ar", "en", "fr", "hi", "zh")]
    assert len({colour for colour, _ in toy}) == len({symbol for _, symbol in toy}) == 5
    assert len(set(FIXED.values())) == len(FIXED)


@pytest.mark.parametrize("tag", ["pl", "pt", "x-invented", "no such tag"])
def test_any_other_tag_gets_a_style_that_no_fixed_language_has(tag):
    style = language_style(tag)
    assert style.symbol in SYMBOLS
    assert (style.colour, style.symbol) not in {(COLOURS[c], s) for c, s in FIXED.values()}
    assert style.name
