"""Sentences that would be orders, were they not data: to a terminal, browser, Markdown, TeX, spreadsheet or format."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

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


def spoken(value: Any, key: str = "") -> Iterator[str]:
    """Every string of a figure that plotly sets as text, from its dictionary."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            # templates are tags of our own, colours and the like no text
            if name not in ("template", "type", "mode", "color", "colorscale", "symbol"):
                yield from spoken(item, name)
    elif isinstance(value, list | tuple | np.ndarray):
        for item in value:
            yield from spoken(item, key)


def orders_in_figure(figure: Any) -> list[str]:
    """Strings of a figure in which plotly would find a tag, TeX or a turned direction; breaks and bold are ours."""
    orders = []
    for text in spoken(figure.to_dict() if hasattr(figure, "to_dict") else figure):
        plain = re.sub(r"</?(b|br|extra)>", "", text).replace("\u2068", "").replace("\u2069", "")
        if re.search(r"<[a-zA-Z/!]", plain) or re.search(r"\$[^$]+\$", plain) or RAW.search(plain):
            orders.append(text)
    return orders
