"""Sentences of any script as HTML: each in its own direction, with its language's colour and shape."""

import html
from collections.abc import Iterable
from typing import Any

import pandas as pd
import streamlit as st

from lab.figures.languages import language_style
from lab.figures.sentences import spreadsheet_cell

# drawn with the letters of the page's own fonts, so nothing is fetched
SHAPES = {
    "circle": "●", "square": "■", "diamond": "◆", "cross": "✚", "x": "✖",
    "circle-open": "○", "square-open": "□", "diamond-open": "◇",
}  # fmt: skip


def sentence_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Shows a table of cells made by `cell`, `marked` or `number`."""
    top = "".join(
        f"<th style='text-align:left;padding:.25rem .6rem;opacity:.7'>{html.escape(name)}</th>"
        for name in head
    )
    body = "".join(
        f"<tr style='border-top:1px solid rgba(128,138,150,.25)'>{''.join(row)}</tr>" for row in rows
    )
    st.html(
        f"<table style='width:100%;border-collapse:collapse'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def data_table(table: pd.DataFrame, **more: Any) -> None:
    """Shows a table of names and numbers; the CSV that Streamlit offers holds no formula for a spreadsheet."""
    st.dataframe(
        table.map(lambda value: spreadsheet_cell(value) if isinstance(value, str) else value),
        hide_index=True,
        **more,
    )


def cell(text: str, language: str | None = None) -> str:
    """A sentence in its own direction and language, so that the browser picks the right letters."""
    lang = f" lang='{html.escape(language)}'" if language else ""
    return f"<td style='padding:.3rem .6rem'><bdi dir='auto'{lang}>{html.escape(text)}</bdi></td>"


def marked(tag: str) -> str:
    """A language by shape, colour and name."""
    style = language_style(tag)
    mark = f"<span style='color:{style.colour}'>{SHAPES[style.symbol]}</span>"
    return f"<td style='padding:.3rem .6rem;white-space:nowrap'>{mark} {html.escape(style.name)}</td>"


def number(text: str) -> str:
    """A number, right-aligned."""
    style = "padding:.3rem .6rem;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap"
    return f"<td style='{style}'>{html.escape(text)}</td>"


def neighbour_table(near: pd.DataFrame, count: int) -> None:
    """Shows the neighbours that `lab.projection.nearest` returns, out of `count` sentences."""
    rows = [
        (
            marked(row.language),
            cell(row.text, row.language),
            number(f"{'✓ ' if row.translation else ''}{row.cosine:.3f}"),
        )
        for row in near.itertuples()
    ]
    sentence_table(["nearest", f"of {count:,} held-out sentences", "cosine"], rows)
