"""How far estimators can be trusted: against the truth, against the number of samples, and by their
intervals.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

Rows = pd.DataFrame | Iterable[Mapping[str, Any]]
COLOURS: Final = ("#0f8f8f", "#8a63c7", "#b98300", "#c2453d", "#2f6fb5", "#5b8c2a", "#a1467e", "#6b7280")
MARKERS: Final = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")


def style_of(index: int) -> dict[str, Any]:
    """Colour and shape of the index-th method; the first 64 all differ."""
    turn = index + index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "symbol": MARKERS[turn % len(MARKERS)], "size": 9}


def against_truth(rows: Rows) -> go.Figure:
    """Estimate against truth for every method: on the dashed diagonal it is right, bounds belong below it.

    Bars are 95 % intervals; open markers are lower bounds; a dotted line is a method's lowest ceiling, above
    which it cannot show anything.
    """
    table = pd.DataFrame(rows)
    figure = go.Figure()
    top = float(table[["truth", "nats"]].to_numpy(dtype=float).max()) * 1.05
    line = {"color": "#6b7280", "dash": "dash"}
    figure.add_scatter(x=[0, top], y=[0, top], mode="lines", name="truth", line=line)
    for index, (method, part) in enumerate(table.groupby("method", sort=False)):
        style = style_of(index)
        symbols = [style["symbol"] + ("-open" if kind == "lower bound" else "") for kind in part["kind"]]
        bars = {"array": part["high"] - part["nats"], "arrayminus": part["nats"] - part["low"]}
        figure.add_scatter(
            x=part["truth"],
            y=part["nats"],
            error_y=bars | {"type": "data", "symmetric": False, "thickness": 1},
            mode="markers",
            name=str(method),
            marker=style | {"symbol": symbols},
            customdata=part[["task", "n", "kind"]],
            hovertemplate="%{customdata[0]}<br>n = %{customdata[1]}, %{customdata[2]}<br>"
            "%{y:.3f} nats, truth %{x:.3f}<extra>%{fullData.name}</extra>",
        )
        ceiling = part["ceiling"].dropna()
        if len(ceiling) and float(np.min(ceiling.to_numpy())) < top:
            figure.add_hline(
                y=float(ceiling.min()), line={"color": style["color"], "dash": "dot", "width": 1}
            )
    figure.update_layout(xaxis_title="truth (nats)", yaxis_title="estimate (nats)", template="plotly_white")
    return figure


def by_size(rows: Rows) -> go.Figure:
    """Bias, standard deviation over seeds and seconds against the number of samples, averaged over the
    tasks.
    """
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
    figure.update_xaxes(type="log", title_text="samples")
    figure.update_yaxes(type="log", row=1, col=3)
    figure.update_layout(template="plotly_white")
    return figure


def coverage(rows: Rows) -> go.Figure:
    """Share of trials whose 95 % interval holds the truth, with the share's own 95 % interval (Wilson).

    The dashed line is the 0.95 the intervals claim: below it they are too narrow, above it too wide.
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
            mode="markers",
            name=str(method),
            marker=style_of(index),
        )
    figure.add_vline(x=0.95, line={"color": "#6b7280", "dash": "dash"})
    figure.update_layout(xaxis_title="share of intervals that hold the truth", template="plotly_white")
    figure.update_xaxes(range=[0, 1.02])
    return figure


def _plain(bars: dict[str, Any]) -> dict[str, Any]:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in bars.items()}


def _wilson(share: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z2 = 1.959964**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return centre - half, centre + half
