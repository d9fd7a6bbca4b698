"""A sentence cut into pieces, each a coloured run of the sentence itself, so that every script stays as it is set."""

from html import escape
from itertools import groupby
from unicodedata import category

import streamlit as st

from core.text.tokenizer import load_tokenizer
from core.text.vocabulary.published import PublishedTokenizer
from lab.store import Run

GROUNDS = ("rgba(47,127,193,0.22)", "rgba(185,131,0,0.22)")
"""Backgrounds in turn; on light and on dark pages the letters keep their contrast."""
UNKNOWN = "rgba(213,94,0,0.45)"
CARRIER = "\N{DOTTED CIRCLE}"


@st.cache_resource(max_entries=8, show_spinner=False)
def _opened(name: str, checkpoint: str, _run: Run) -> PublishedTokenizer:
    return PublishedTokenizer(name, _run.read_checkpoint(load_tokenizer))


def tokenizer_of(run: Run) -> PublishedTokenizer:
    """The tokenizer of a run's newest checkpoint.

    Raises:
        InputError: there is none yet.
    """
    return _opened(run.name, str(run.checkpoint()), run)


def token_text(token: str) -> str:
    """A token as it can be read alone: a dotted circle carries a vowel sign or tone mark that has lost its letter."""
    return f"{CARRIER}{token}" if category(token[:1] or " ").startswith("M") else token


def piece_runs(tokenizer: PublishedTokenizer, text: str) -> list[tuple[str, int, str]]:
    """Parts of a text with the number of tokens that each takes and their kind; text without a token has 0."""
    runs, end = list[tuple[str, int, str]](), 0
    for (begin, stop), group in groupby(tokenizer.spans(text), key=lambda span: span[:2]):
        ids = [index for _, _, index in group]
        if begin > end:
            runs.append((text[end:begin], 0, ""))
        kinds = tokenizer.kinds(ids)
        runs.append((text[max(begin, end) : stop], len(ids), kinds[0]))
        end = max(end, stop)
    return [*runs, (text[end:], 0, "")] if end < len(text) else runs


def pieces_html(tokenizer: PublishedTokenizer, text: str) -> str:
    """The text as HTML with a background for each piece; a small number where several tokens share a character."""
    parts, number, waiting = list[str](), 0, list[str]()
    for part, tokens, kind in piece_runs(tokenizer, text):
        # a number between a letter and its vowel sign would part them
        if waiting and not category(part[:1] or " ").startswith("M"):
            parts.append(f"<sub>{'+'.join(waiting)}</sub>")
            waiting = []
        if not tokens:
            parts.append(escape(part))
            continue
        ground = UNKNOWN if kind in ("unknown", "byte") else GROUNDS[number % 2]
        number += 1
        title = f"{tokens} tokens" if tokens > 1 else kind
        parts.append(f"<span style='background:{ground}' title='{title}'>{escape(part)}</span>")
        waiting += [str(tokens)] if tokens > 1 else []
    if waiting:
        parts.append(f"<sub>{'+'.join(waiting)}</sub>")
    return f"<p style='font-size:1.15rem;line-height:2;margin:.2rem 0'><bdi dir='auto'>{''.join(parts)}</bdi></p>"
