"""Compares two runs, pair by pair."""

import pandas as pd
import streamlit as st

from app.charts import chart
from app.links import linked_choice
from app.words import guessing
from lab.evaluate.scores import read_mean
from lab.figures.matrix import MATRIX_LANGUAGES, accuracy_differences, among, difference_matrix, most_measured
from lab.figures.sentences import markdown_text
from lab.store import Run


def show_comparison(name: str, ours: pd.DataFrame, others: list[Run]) -> None:
    """Shows the retrieval scores of run `name` minus the scores of another run, over their common pairs."""
    names = [run.name for run in others]
    against = linked_choice("Other run", names, "against", None, placeholder="none")
    if against is None:
        return
    scores = others[names.index(against)].scores()
    theirs = scores[scores["task"] == "retrieval"]
    both, mean = (
        accuracy_differences(ours[ours["metric"] == metric], theirs[theirs["metric"] == metric])
        for metric in ("accuracy", "mean_accuracy")
    )
    if both.empty:
        st.info(
            f"{against} has no evaluated pair in common with {name}: evaluate it with `lab evaluate {against}`"
        )
        return
    summary, matrix = st.columns([2, 3], gap="large")
    clear = both[(both["low"] > 0) | (both["high"] < 0)]
    with summary:
        pairs = [set(zip(table["source"], table["target"], strict=True)) for table in (ours, theirs)]
        if pairs[0] == pairs[1]:
            value, low, high = 100 * mean[["value", "low", "high"]].to_numpy()[0]
            st.metric(
                f"{name} minus {against}, 95 % interval", f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"
            )
        else:
            st.markdown("The runs have different pairs of languages, so their means are not compared.")
        st.markdown(
            f"{len(clear)} of {len(both)} pairs differ by more than their 95 % interval: "
            f"{(clear['value'] > 0).sum()} better, {(clear['value'] < 0).sum()} worse. "
            f"By chance alone about {0.05 * len(both):.0f} would."
        )
        st.markdown(_pools(name, ours) + _pools(against, theirs))
    with matrix:
        languages = most_measured(both, MATRIX_LANGUAGES)
        if len(languages) < len({*both["source"], *both["target"]}):
            st.caption(f"The {MATRIX_LANGUAGES} languages with the most pairs in common.")
        figure = difference_matrix(among(both, languages))
        chart(
            figure,
            "difference",
            "Matrix of differences in retrieval between two runs, by pair of languages",
            f"Percentage points by which {name} is better (blue) or worse (orange); a dot marks a difference beyond "
            "its interval, which takes the runs as independent and is therefore wide when they share their sentences.",
        )


def _pools(name: str, scores: pd.DataFrame) -> str:
    """The chance level and the pools of a run, because accuracies in different pools do not compare."""
    mean = read_mean(scores)
    return f"{markdown_text(name)}: {guessing(mean.chance, mean.pools_in_words)}. " if mean else ""
