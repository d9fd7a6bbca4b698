"""Retrieval by language: the means over the directions from and to a language, a line per language."""

from typing import Final

import pandas as pd
import plotly.graph_objects as go

from lab.figures.languages import COLOURS, language_style
from lab.figures.legend import LEGEND

ROW: Final = 20
"""Height of a language's line, in pixels."""
HEAD: Final = 100
"""Height of legend and axis above the lines, in pixels."""
MARKS: Final = {
    "mean_from": ("asking", COLOURS["blue"], "circle", -0.15),
    "mean_to": ("searched", COLOURS["vermilion"], "square", 0.15),
}
"""Name, colour, symbol and shift down of each metric; the shift is a share of a line."""


def extremes(means: pd.DataFrame, count: int) -> pd.DataFrame:
    """The rows of the `count` languages with the lowest means and of the `count` languages with the highest."""
    order = means.groupby("language")["value"].mean().sort_values(kind="stable").index
    return means[means["language"].isin({*order[:count], *order[-count:]})]


def language_lines(means: pd.DataFrame) -> go.Figure:
    """Mean accuracy with its 95 % interval as query language and as searched language; the lowest first.

    Grey ticks are chance.

    Args:
        means: columns language, metric ("mean_from" or "mean_to"), value, low, high, chance.
    """
    order = means.groupby("language")["value"].mean().sort_values(kind="stable").index.tolist()
    place = {tag: position for position, tag in enumerate(order)}
    figure = go.Figure()
    for metric, (name, colour, symbol, shift) in MARKS.items():
        rows = means[means["metric"] == metric]
        at = rows["language"].map(place) + shift
        names = [language_style(tag).name for tag in rows["language"]]
        figure.add_scatter(
            x=rows["chance"], y=at, mode="markers", showlegend=False, hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 7, "line": {"width": 2, "color": "#71808f"}},
        )  # fmt: skip
        figure.add_scatter(
            x=rows["value"], y=at, mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": 7},
            error_x={"type": "data", "symmetric": False, "thickness": 1.2, "width": 0,
                     "array": rows["high"] - rows["value"], "arrayminus": rows["value"] - rows["low"]},
            customdata=list(zip(names, rows["low"], rows["high"], rows["chance"], strict=True)),
            hovertemplate=f"%{{customdata[0]}} {name}: %{{x:.1%}} [%{{customdata[1]:.1%}}, %{{customdata[2]:.1%}}]"
            "<br>guessing %{customdata[3]:.2%}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=HEAD + ROW * max(4, len(order)), margin={"l": 10, "r": 10, "t": HEAD - 10, "b": 10},
        legend=LEGEND,
        xaxis={"range": [-0.01, 1.02], "tickformat": ".0%", "side": "top", "title": "mean top-1 accuracy"},
        yaxis={"tickvals": list(place.values()), "ticktext": [language_style(tag).name for tag in order],
               "range": [len(order) - 0.4, -0.6], "zeroline": False},
    )  # fmt: skip
    return figure
