"""Figures on the trust in estimators: against the truth, against the number of samples, and by their intervals."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

EstimateRows = pd.DataFrame | Iterable[Mapping[str, Any]]
COLOURS: Final = ("#0f8f8f", "#8a63c7", "#b98300", "#c2453d", "#2f6fb5", "#5b8c2a", "#a1467e", "#6b7280")
MARKERS: Final = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")


def style_of(index: int) -> dict[str, Any]:
    """Colour and shape of the index-th method; the first 64 all differ."""
    turn = index + index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "symbol": MARKERS[turn % len(MARKERS)], "size": 9}


def against_truth(rows: EstimateRows) -> go.Figure:
    """Estimates of every method side by side over each distribution, with the truth as a line across them.

    Bars are 95 % intervals. Open markers are lower bounds, which belong below the line. A dotted line is the lowest
    ceiling of a method, above which it cannot show anything. Triangles at the edge stand for values outside the figure.
    """
    table = pd.DataFrame(rows)
    truths = table.groupby("task")["truth"].first().sort_values()
    low, high = -0.2 * float(truths.max()), 1.5 * float(truths.max())
    methods = list(table["method"].unique())
    figure = go.Figure()
    figure.add_scatter(
        x=[x for at in range(len(truths)) for x in (at - 0.45, at + 0.45, None)],
        y=[y for value in truths for y in (value, value, None)],
        mode="lines",
        name="truth",
        line={"color": "#6b7280", "dash": "dash"},
    )
    for index, method in enumerate(methods):
        part = table[table["method"] == method]
        style = style_of(index)
        beside = 0.84 * ((index + 0.5) / len(methods) - 0.5)
        figure.add_scatter(
            x=truths.index.get_indexer(part["task"]) + beside,
            y=part["nats"].clip(low, high),
            error_y={
                "array": part["high"] - part["nats"],
                "arrayminus": part["nats"] - part["low"],
                "type": "data",
                "symmetric": False,
                "thickness": 1,
            },
            mode="markers",
            name=str(method),
            marker=style
            | {
                "symbol": [
                    _symbol(style["symbol"], nats, kind, low, high)
                    for nats, kind in zip(part["nats"].tolist(), part["kind"].tolist(), strict=True)
                ]
            },
            customdata=part[["task", "n", "kind", "nats", "truth"]],
            hovertemplate="%{customdata[0]}<br>n = %{customdata[1]}, %{customdata[2]}<br>"
            "%{customdata[3]:.3f} nats, truth %{customdata[4]:.3f}<extra>%{fullData.name}</extra>",
        )
        ceiling = part["ceiling"].dropna()
        if len(ceiling) and float(np.min(ceiling.to_numpy())) < high:
            figure.add_hline(
                y=float(ceiling.min()), line={"color": style["color"], "dash": "dot", "width": 1}
            )
    figure.update_layout(template="plotly_white", margin={"t": 30})
    figure.update_xaxes(
        tickvals=list(range(len(truths))),
        ticktext=list(truths.index),
        tickangle=-30,
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title_text="estimate (nats)", range=[low, high])
    return figure


def _symbol(usual: str, nats: float, kind: str, low: float, high: float) -> str:
    """The marker symbol: open for a bound, a triangle where the value lies outside the figure."""
    shape = "triangle-down" if nats < low else "triangle-up" if nats > high else usual
    return shape + ("-open" if kind == "lower bound" else "")


def by_size(rows: EstimateRows) -> go.Figure:
    """Bias, standard deviation over seeds, and seconds against the number of samples, averaged over tasks."""
    table = pd.DataFrame(rows)
    table["error"] = table["nats"] - table["truth"]
    grouped = table.groupby(["method", "n", "task"], sort=False)
    cells = grouped.agg(bias=("error", "mean"), spread=("error", "std"), seconds=("seconds", "median"))
    means = cells.groupby(level=["method", "n"], sort=False).mean().reset_index()
    titles = ["bias (nats)", "standard deviation (nats)", "time (s)"]
    figure = make_subplots(1, 3, subplot_titles=titles)
    for index, (method, part) in enumerate(means.groupby("method", sort=False)):
        ordered = part.sort_values("n")
        for column, key in enumerate(("bias", "spread", "seconds"), start=1):
            figure.add_scatter(
                x=ordered["n"],
                y=ordered[key],
                mode="lines+markers",
                name=str(method),
                legendgroup=str(method),
                showlegend=column == 1,
                marker=style_of(index),
                line={"color": COLOURS[index % len(COLOURS)]},
                row=1,
                col=column,
            )
    sizes = sorted(int(n) for n in means["n"].unique())
    figure.update_xaxes(type="log", title_text="samples", tickvals=sizes, ticktext=[f"{n:,}" for n in sizes])
    for column in (2, 3):
        figure.update_yaxes(type="log", dtick=1, exponentformat="none", row=1, col=column)
    figure.update_layout(template="plotly_white", margin={"t": 50})
    return figure


def coverage(rows: EstimateRows) -> go.Figure:
    """Share of trials whose 95 % interval holds the truth, with a 95 % interval of the share (Wilson).

    The dashed line is the 0.95 that intervals claim: below the line they are too narrow, above it too wide.
    """
    table = pd.DataFrame(rows)
    figure = go.Figure()
    for index, (method, part) in enumerate(table.groupby("method", sort=False)):
        low, high = _wilson(part["coverage"].to_numpy(), part["trials"].to_numpy())
        value = part["coverage"].to_numpy()
        bars = {"array": high - value, "arrayminus": value - low, "type": "data", "symmetric": False}
        figure.add_scatter(
            x=value,
            y=part["task"],
            error_x=_plain(bars),
            orientation="h",
            mode="markers",
            name=str(method),
            marker=style_of(index),
        )
    figure.add_vline(x=0.95, line={"color": "#6b7280", "dash": "dash"})
    figure.update_layout(template="plotly_white", scattermode="group", margin={"t": 30})
    lowest = min(0.8, float(table["coverage"].min()) - 0.1)
    figure.update_xaxes(title_text="share of intervals that hold the truth", range=[max(0.0, lowest), 1.01])
    return figure


def _plain(bars: dict[str, Any]) -> dict[str, Any]:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in bars.items()}


def _wilson(share: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z2 = 1.959964**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return centre - half, centre + half
