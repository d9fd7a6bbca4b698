"""A picture of the idea: the same sentences, first gathered by language, then by meaning."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lab.figures.languages import language_style

GREY = "rgba(128,138,150,0.45)"


def before_and_after(languages: Sequence[str], meanings: int = 4) -> go.Figure:
    """A drawing without data: each mark is a sentence, and grey lines join translations."""
    figure = make_subplots(
        1, 2, subplot_titles=["before: gathered<br>by language", "after: gathered<br>by meaning"]
    )
    generator = np.random.default_rng(3)
    by_language, by_meaning = _ring(len(languages), 1.0), _ring(meanings, 0.95, turn=0.4)
    scatter = generator.normal(0, 0.16, (len(languages), meanings, 2))
    places = (by_language[:, None] + scatter, by_meaning[None, :] + 0.55 * scatter)
    for column, points in enumerate(places, start=1):
        middle = points.mean(axis=0, keepdims=True)
        lines = np.stack(
            [points, np.broadcast_to(middle, points.shape), np.full_like(points, np.nan)], axis=2
        )
        x, y = lines.reshape(-1, 2).T
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip",
                           showlegend=False, row=1, col=column)  # fmt: skip
        for tag, marks in zip(languages, points, strict=True):
            style = language_style(tag)
            figure.add_scatter(
                x=marks[:, 0], y=marks[:, 1], mode="markers", name=style.name, legendgroup=tag, showlegend=column == 1,
                marker={"symbol": style.symbol, "color": style.colour, "size": 11}, hoverinfo="name",
                row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-1.6, 1.6])
    figure.update_yaxes(visible=False, range=[-1.45, 1.45])
    figure.update_layout(
        height=335, margin={"l": 5, "r": 5, "t": 45, "b": 5}, legend={"orientation": "h", "y": -0.02}
    )
    return figure


def bound_bars(rows: pd.DataFrame) -> go.Figure:
    """A bar per task for bounds beside their ceilings, in nats: columns name, colour, value, low, high, ceiling."""
    rows = rows.iloc[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=rows["ceiling"], y=rows["name"], orientation="h", marker={"color": GREY}, width=0.62, name="ceiling",
        hovertemplate="%{y} cannot exceed %{x:.2f} nats<extra></extra>",
    )  # fmt: skip
    figure.add_bar(
        x=rows["value"].clip(lower=0), y=rows["name"], orientation="h", marker={"color": rows["colour"]}, width=0.36,
        name="training bound", customdata=rows[["low", "high"]],
        error_x={"type": "data", "array": rows["high"] - rows["value"], "arrayminus": rows["value"] - rows["low"]},
        hovertemplate="%{y}: training bound %{x:.2f} nats [%{customdata[0]:.2f}, %{customdata[1]:.2f}]<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        barmode="overlay", height=210, showlegend=False, margin={"l": 5, "r": 10, "t": 5, "b": 40},
        xaxis={"title": "information (nats)", "rangemode": "tozero"},
    )  # fmt: skip
    return figure


def _ring(count: int, radius: float, turn: float = 0.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count + np.pi / 2 + turn
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
