"""Retrieval over directed pairs of languages as a matrix: a row per query language, a column per searched language."""

from collections.abc import Collection
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.figures.languages import language_style

# light to dark in one hue, so that it reads without colour vision and in print
SEQUENTIAL = [[0.0, "#f3efe4"], [0.5, "#7fb3c8"], [1.0, "#0b4a6b"]]
DIVERGING = [[0.0, "#b35806"], [0.5, "#f4f4f4"], [1.0, "#2166ac"]]


MATRIX_LANGUAGES: Final = 40
"""Most languages for which a matrix is readable on a page."""


def most_measured(pairs: pd.DataFrame, most: int) -> list[str]:
    """The `most` languages with the most directions; `pairs` has columns source and target."""
    counts = pd.concat([pairs["source"], pairs["target"]]).value_counts()
    return sorted(sorted(counts.index, key=lambda tag: (-counts[tag], tag))[:most])


def among(pairs: pd.DataFrame, languages: Collection[str]) -> pd.DataFrame:
    """The directions between some languages."""
    return pairs[pairs["source"].isin(languages) & pairs["target"].isin(languages)]


def accuracy_matrix(pairs: pd.DataFrame) -> go.Figure:
    """Accuracy of every directed pair: columns source, target, value, low, high, n, pool, chance."""
    hover = [
        f"{_pair(row)}<br>{row.value:.1%} [{row.low:.1%}, {row.high:.1%}], {row.n:,} queries"
        f"<br>guessing {100 * row.chance:.2g} % of {row.pool:,.0f} candidates"
        for row in pairs.itertuples()
    ]
    cells = [f"{100 * value:.0f}" for value in pairs["value"]]
    return _matrix(
        pairs, cells, hover, {"colorscale": SEQUENTIAL, "zmin": 0, "zmax": 1}, "top-1 accuracy", ".0%"
    )


def accuracy_differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of a run minus the accuracy of another, with a 95 % interval: columns source, target, value, low, high.

    The half-widths add in squares, as for independent runs.
    """
    both = pd.DataFrame(ours.merge(theirs, on=["source", "target"], suffixes=("", "_theirs")))
    value = both["value"] - both["value_theirs"]
    low = np.hypot(both["value"] - both["low"], both["high_theirs"] - both["value_theirs"])
    high = np.hypot(both["high"] - both["value"], both["value_theirs"] - both["low_theirs"])
    return both[["source", "target"]].assign(value=value, low=value - low, high=value + high)


def difference_matrix(pairs: pd.DataFrame) -> go.Figure:
    """The matrix of `accuracy_differences`; a dot marks differences beyond their interval."""
    clear = (pairs["low"] > 0) | (pairs["high"] < 0)
    cells = [
        f"{100 * value:+.0f}{' •' if sure else ''}" for value, sure in zip(pairs["value"], clear, strict=True)
    ]
    hover = [
        f"{_pair(row)}<br>{100 * row.value:+.1f} points [{100 * row.low:+.1f}, {100 * row.high:+.1f}]"
        for row in pairs.itertuples()
    ]
    top = max(0.05, float(pairs["value"].abs().max()))
    return _matrix(
        pairs, cells, hover, {"colorscale": DIVERGING, "zmin": -top, "zmax": top}, "difference", "+.0%"
    )


def _pair(row) -> str:
    return f"{language_style(row.source).name} → {language_style(row.target).name}"


def _matrix(
    pairs: pd.DataFrame, cells: list[str], hover: list[str], scale: dict, label: str, tick: str
) -> go.Figure:
    tags = sorted({*pairs["source"], *pairs["target"]})
    at = {tag: position for position, tag in enumerate(tags)}
    values = np.full((len(tags), len(tags)), np.nan)
    written = np.full(values.shape, "", dtype=object)
    hovers = np.full(values.shape, "", dtype=object)
    for row, cell, text in zip(pairs.itertuples(), cells, hover, strict=True):
        where = at[str(row.source)], at[str(row.target)]
        values[where], written[where], hovers[where] = row.value, cell, text
    figure = go.Figure(
        go.Heatmap(
            z=values, x=tags, y=tags, text=written, texttemplate="%{text}", customdata=hovers,
            hovertemplate="%{customdata}<extra></extra>", hoverongaps=False, xgap=2, ygap=2,
            colorbar={"title": {"text": label, "side": "bottom"}, "tickformat": tick, "thickness": 12,
                      "outlinewidth": 0, "orientation": "h", "y": 0, "yanchor": "top"}, **scale,
        )
    )  # fmt: skip
    names = [language_style(tag).name for tag in tags]
    axis = {"tickvals": tags, "ticktext": names, "showgrid": False, "zeroline": False}
    row = 46 if len(tags) <= 8 else 32
    figure.update_layout(
        height=180 + max(6, len(tags)) * row, margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={**axis, "title": "searched", "side": "top"},
        yaxis={**axis, "title": "query", "autorange": "reversed"},
    )  # fmt: skip
    return figure
