"""Escapes sentences of any script for figures, pages and terminals: text is shown, never interpreted."""

import html
import re
import string
import textwrap
from typing import Final

FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_ISOLATE: Final = "\u2069"
CONTROL: Final = re.compile("[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""Codes that command a terminal, break lines or turn the direction of text, and lone surrogates, which no file takes.
Not among these codes are tab, line feed, and the marks that Persian, Arabic and Hebrew are written with."""

WORD_JOINER: Final = "\u2060"
LINKS: Final = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)|(?<=[-<])(?=[->])", re.IGNORECASE)
"""Places inside web addresses, mail addresses and typed arrows."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
NUMBERS: Final = re.compile(r"[-+][-+0-9.,% \[\]*]*")
"""Signed numbers with their intervals, which are no formulas."""


def isolated(text: str) -> str:
    """A sentence between isolates, so that its direction does not spill over into the text around it.

    >>> [hex(ord(mark)) for mark in isolated("x") if mark != "x"]
    ['0x2068', '0x2069']
    """
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


def visible(text: str) -> str:
    r"""A text with its control codes written out, so that a terminal shows the codes and does not obey.

    >>> print(visible("a \x1b[2J b \u202e c"))
    a \x1b[2J b \u202e c
    """
    return CONTROL.sub(_written_out, text)


def visible_line(text: str) -> str:
    r"""A text in one line: `visible`, with tab and line feed written out too.

    >>> print(visible_line("a \t b \n c"))
    a \t b \n c
    """
    return visible(text).replace("\t", r"\t").replace("\n", r"\n")


def spreadsheet_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe is put before the sign of a formula (OWASP).

    >>> spreadsheet_cell("=cmd|' /C calc'!A1"), spreadsheet_cell("a = b"), spreadsheet_cell("-2.25 [-4.19, -0.31]")
    ("'=cmd|' /C calc'!A1", 'a = b', '-2.25 [-4.19, -0.31]')
    """
    return f"'{text}" if text[:1] in FORMULA and not NUMBERS.fullmatch(text) else text


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def label_text(text: str) -> str:
    """A name or message escaped for a figure: plotly reads tags, and TeX between dollar signs on pages with MathJax.

    >>> label_text("<b>5 $</b>")
    '&lt;b&gt;5 &#36;&lt;/b&gt;'
    """
    return html.escape(visible_line(text), quote=False).replace("$", "&#36;")


def hover_text(text: str, width: int = 60, lines: int = 5) -> str:
    """A sentence for a hover label: escaped, broken into short lines, every line isolated."""
    parts = textwrap.wrap(visible_line(text), width, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(isolated(label_text(part)) for part in parts)


def markdown_text(text: str) -> str:
    r"""A name or message for Streamlit's Markdown, in one line.

    Every punctuation mark is escaped. Streamlit also turns plain addresses and typed arrows into links and arrows;
    joiners without width between their characters prevent that.

    >>> markdown_text("*a* $b$")
    '\\*a\\* \\$b\\$'
    """
    parted = LINKS.sub(WORD_JOINER, visible_line(text))
    return "".join(f"\\{mark}" if mark in string.punctuation else mark for mark in parted)
