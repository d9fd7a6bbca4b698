"""Baselines without a network beside the retrieval of a run, on the same held-out sentences."""

from typing import Any, Final

import streamlit as st

from app.computing import compute_button
from app.sentences import cell, number, sentence_table
from app.words import guessing, percent
from lab.evaluate.means import MeanAccuracy
from lab.figures.sentences import markdown_text
from lab.store import ENDED, Run

DOCUMENT: Final = "baselines"
DIMENSIONS: Final = 128


def show_baselines(run: Run, mean: MeanAccuracy) -> None:
    """Shows a table of the measured baselines, and a button where baselines are left to measure.

    Raises:
        InputError: the document of the measurements is damaged.
    """
    document = run.document(DOCUMENT) or {}
    rows = document.get("rows", [])
    if rows:
        st.markdown("**Without a network**, on the same held-out sentences:")
        sentence_table(
            ["", "accuracy, 95 % interval"],
            [(cell(row["label"]), number(percent(row["accuracy"], row["low"], row["high"]))) for row in rows],
        )
        st.caption(markdown_text(_caption(document, mean)))
    if document.get("left", ["all"]) and run.status.state in ENDED:
        compute_button(
            f"baselines-{run.name.replace('/', '.')}",
            ["evaluate", run.name, "--task", "baselines", "--dimensions", str(DIMENSIONS)],
            "Measure what needs no network",
            lambda: _progress(run),
        )


def _caption(document: dict[str, Any], mean: MeanAccuracy) -> str:
    """A caption that says how the baselines were measured, and how the run compares with the best baseline."""
    rows = document["rows"]
    best = max(rows, key=lambda row: row["accuracy"])
    sizes = " to ".join(f"{size:,}" for size in sorted(set(best["pools"])))
    words = (
        f"Mean over {best['directions']:,} directed pairs, by cosine; {guessing(best['chance'], sizes)}. Indexing and "
        f"correlation have {document['dimensions']} dimensions, learned from {document['training_meanings']:,} "
        "training meanings."
    )
    if tuple(best["pools"]) != mean.pools or best["directions"] != mean.directions:
        return f"{words} The run searched other pools or pairs, so its accuracy does not compare with these."
    return f"{words} The interval of the run {_place(mean, best)} that of the best of these."


def _place(mean: MeanAccuracy, best: dict[str, Any]) -> str:
    if mean.low > best["high"]:
        return "lies above"
    return "lies below" if mean.high < best["low"] else "overlaps"


def _progress(run: Run) -> tuple[float, str]:
    document = run.document(DOCUMENT) or {}
    done, left = len(document.get("rows", [])), document.get("left", [])
    under_way = f"measuring {markdown_text(left[0])}" if left else "reading the text"
    return done / max(1, done + len(left)), under_way
