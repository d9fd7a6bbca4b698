"""Sentences of any script as they may stand inside a figure or a page."""

import html
import textwrap
from typing import Final

FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_ISOLATE: Final = "\u2069"


def isolated(text: str) -> str:
    """A sentence whose direction does not spill over into the text around it.

    >>> [hex(ord(mark)) for mark in isolated("x") if mark != "x"]
    ['0x2068', '0x2069']
    """
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


def hover_text(text: str, width: int = 60, lines: int = 5) -> str:
    """A sentence for a hover label: escaped, broken into short lines, every line isolated."""
    parts = textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(isolated(html.escape(part, quote=False)) for part in parts)
