"""A quantity by layer, one line per model, pooling or critic."""

from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from lab.figures.ablations import DASHES
from lab.figures.languages import COLOURS, SYMBOLS
from lab.figures.ledger import CEILING
from lab.figures.legend import LEGEND
from lab.figures.sentences import label_text


def by_layer(table: pd.DataFrame, unit: Literal["share", "nats"]) -> go.Figure:
    """Value over layers with its 95 % interval, a line per name; grey lines are the ceiling of a bound, and chance.

    Args:
        table: columns name, layer, value, low, high; where known also ceiling (of a bound) and chance (of a share).
        unit: "share" for top-1 accuracy, "nats" for a bound on information.
    """
    figure = go.Figure()
    colours = list(COLOURS.values())
    number = ".1%" if unit == "share" else ".2f"
    for index, (name, part) in enumerate(table.groupby("name", sort=False)):
        ordered = part.sort_values("layer")
        colour = colours[index % len(colours)]
        figure.add_scatter(
            x=ordered["layer"], y=ordered["value"], mode="lines+markers", name=label_text(str(name)),
            line={"color": colour, "width": 2, "dash": DASHES[index % len(DASHES)]},
            marker={"color": colour, "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
            error_y={"type": "data", "symmetric": False, "thickness": 1.5,
                     "array": ordered["high"] - ordered["value"], "arrayminus": ordered["value"] - ordered["low"]},
            customdata=ordered[["low", "high"]],
            hovertemplate=f"layer %{{x}}: %{{y:{number}}} [%{{customdata[0]:{number}}}, %{{customdata[1]:{number}}}]"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    if "ceiling" in table:
        _level(figure, table, "ceiling", "ceiling", "longdash", "cannot show more than %{y:.2f} nats")
    if "chance" in table:
        _level(figure, table, "chance", "guessing", "dot", "guessing finds %{y:.2%}")
    figure.update_layout(
        height=380, margin={"l": 50, "r": 10, "t": 10, "b": 45},
        legend=LEGEND,
        xaxis={"title": "hidden state (0 = embeddings)", "dtick": 1},
        yaxis={"title": "top-1 accuracy"} if unit == "share" else {"title": "bound (nats per sentence pair)"},
    )  # fmt: skip
    if unit == "share":
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _level(figure: go.Figure, table: pd.DataFrame, column: str, name: str, dash: str, hover: str) -> None:
    """Draws a grey line across the layers at the largest value of a column."""
    level = float(table[column].max())
    figure.add_scatter(
        x=[table["layer"].min(), table["layer"].max()], y=[level, level], mode="lines", name=name,
        line={"color": CEILING, "dash": dash, "width": 1.5}, hovertemplate=f"{hover}<extra></extra>",
    )  # fmt: skip
