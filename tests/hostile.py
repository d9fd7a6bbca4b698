"""Sentences that would be orders, were they not data: to a terminal, browser, Markdown, TeX, spreadsheet or format."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.text.corpus import Corpus, write_corpus

SENTENCES: Final = (
    "this [/b] breaks",
    "[bold]x[/bold]",
    "[link=http://evil.example]click[/link]",
    "title \x1b]0;pwned\x07 clear \x1b[2J",
    "clipboard \x1b]52;c;cHduZWQ=\x07 taken",
    "eight bit \x9b2J and \x9d0;pwned\x9c",
    "over\rwritten and back\x08spaced",
    "<script>alert(1)</script>",
    "<img src=http://evil.example/x onerror=alert(1)>",
    "<b>bold</b> and <a href='http://evil.example'>link</a>",
    "![picture](http://evil.example/x.png) and [link](http://evil.example)",
    "http://evil.example/x and www.evil.example",
    "$\\LaTeX$ and $$\\frac{1}{0}$$",
    "**md** _md_ `md` ~~md~~ # md",
    ":smile: :red[md] :material/delete:",
    "{format} {0} {} %s %d %{y}",
    "&lt;b&gt; &amp; &#36;",
    "right \u202eto left\u202c and \u2066isolated",
    "line\u2028separator \x85 next",
    "\\end{tabular} \\input{/etc/passwd} 5 % off & more",
    "=cmd|' /C calc'!A1",
    "+1+1 @SUM(1) -2",
    "@SUM(1+1)*cmd|' /C calc'!A0",
)
RAW: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What must never reach a terminal as it is."""
REPEATS: Final = 5


def hostile_rows() -> Iterator[tuple[int, str, str]]:
    """Every sentence several times, numbered, in English; "translations" are other ones, so that none is found."""
    for number in range(REPEATS * len(SENTENCES)):
        yield number, "en", f"{SENTENCES[number % len(SENTENCES)]} {number}"
        yield number, "fr", f"{SENTENCES[(3 * number + 5) % len(SENTENCES)]} {-number}"


def hostile_corpus(folder: Path) -> Corpus:
    """A corpus of them, with hostile words about itself, as a stranger's `corpus.json` may hold."""
    return write_corpus(hostile_rows(), folder, source=SENTENCES[0] + SENTENCES[3], licence=SENTENCES[1])
