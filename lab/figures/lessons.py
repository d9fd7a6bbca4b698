"""Figures of the lessons: bounds of the best critic, a sentence token by token, losses with a translation or none."""

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.figures.languages import COLOURS, SYMBOLS
from lab.figures.ledger import CEILING, INTERVAL, TRUTH
from lab.figures.legend import LEGEND
from lab.figures.matrix import SEQUENTIAL
from lab.figures.sentences import label_text
from lab.figures.tasks import STYLES

MODEL: Final = STYLES["mmlm"].colour


def bounds_against_truth(table: pd.DataFrame, n: int) -> go.Figure:
    """Mean of each bound over batches, one standard deviation up and down, against the truth, all in nats.

    Args:
        table: columns bound, truth, mean, sd.
        n: pairs in a batch; log n is the ceiling of InfoNCE.
    """
    figure = go.Figure()
    top = float(table["truth"].max())
    figure.add_scatter(x=[0, top], y=[0, top], mode="lines", name="truth", line={"color": TRUTH, "width": 2})
    figure.add_hline(
        y=float(np.log(n)), line={"color": CEILING, "dash": "longdash", "width": 1.5},
        annotation={"text": f"log {n}", "font": {"color": CEILING}}, annotation_position="top left",
    )  # fmt: skip
    for index, (name, part) in enumerate(table.groupby("bound", sort=False)):
        colour = _colour(index)
        figure.add_scatter(
            x=part["truth"], y=part["mean"], mode="lines+markers", name=str(name),
            line={"color": colour, "width": 2}, marker={"symbol": SYMBOLS[index], "size": 8, "color": colour},
            error_y={"type": "data", "array": part["sd"], "thickness": 1, "color": colour},
            customdata=part["sd"],
            hovertemplate="truth %{x:.2f} nats: %{y:.2f}, standard deviation %{customdata:.2f}"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(**_frame("truth (nats)", "bound or estimate (nats)"))
    figure.update_yaxes(range=[-1, 1.3 * top])
    return figure


def spread_against_truth(table: pd.DataFrame) -> go.Figure:
    """Standard deviation of each bound over batches against the truth, on a log scale, with what theory predicts.

    Args:
        table: columns bound, truth, sd, predicted_sd.
    """
    figure = go.Figure()
    theory = table.drop_duplicates("truth")
    figure.add_scatter(
        x=theory["truth"], y=theory["predicted_sd"], mode="lines", name="theory, NWJ",
        line={"color": TRUTH, "dash": "dash", "width": 2},
    )  # fmt: skip
    for index, (name, part) in enumerate(table.groupby("bound", sort=False)):
        colour = _colour(index)
        figure.add_scatter(
            x=part["truth"], y=part["sd"], mode="lines+markers", name=str(name),
            line={"color": colour, "width": 2}, marker={"symbol": SYMBOLS[index], "size": 8, "color": colour},
            hovertemplate="truth %{x:.2f} nats: %{y:.3f} nats<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(**_frame("truth (nats)", "standard deviation (nats)"))
    figure.update_yaxes(type="log", dtick=1)
    return figure


def token_by_token(table: pd.DataFrame) -> go.Figure:
    """Nats that the rest of a sentence tells of each of its tokens: exact, and by the model.

    Args:
        table: columns token, surprisal (grey), and exact and reached, the part of the surprisal that the context
            removes.
    """
    labels = [f"{at + 1}. {label_text(token)}" for at, token in enumerate(table["token"])]
    figure = go.Figure()
    bars = (
        ("surprisal", "-log p(token): all there is to know", "rgba(128,138,150,0.45)", 0.8),
        ("exact", "told by the context, exact", TRUTH, 0.55),
        ("reached", "told to the model", MODEL, 0.3),
    )
    for column, name, colour, width in bars:
        figure.add_bar(
            x=labels, y=table[column], name=name, marker={"color": colour}, width=width,
            hovertemplate="%{x}: %{y:.2f} nats<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="overlay", **_frame("token that is masked", "nats"))
    return figure


def shared_tokens(table: pd.DataFrame) -> go.Figure:
    """Share of common tokens of every two languages, as a square table of languages."""
    values = table.to_numpy(dtype=float)
    figure = go.Figure(
        go.Heatmap(
            z=values, x=list(table.columns), y=list(table.index), colorscale=SEQUENTIAL, zmin=0, zmax=1, xgap=2, ygap=2,
            text=np.round(100 * values).astype(int), texttemplate="%{text}",
            colorbar={"title": "shared", "tickformat": ".0%", "thickness": 12, "outlinewidth": 0},
            hovertemplate="%{y} and %{x}: %{z:.1%} of tokens in common<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(height=120 + max(6, len(table)) * 32, margin={"l": 10, "r": 10, "t": 10, "b": 10})
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def losses_by_reading(table: pd.DataFrame) -> go.Figure:
    """Cross-entropy of masked tokens by the text read beside the sentence, a bar per run; red is the least possible.

    Args:
        table: columns run, reading, nats, error, exact (missing where unknown).
    """
    figure = go.Figure()
    runs = list(dict.fromkeys(table["run"]))
    for index, run in enumerate(runs):
        part = table[table["run"] == run]
        figure.add_bar(
            x=part["reading"], y=part["nats"], name=label_text(str(run)), marker={"color": _colour(index)},
            error_y={"type": "data", "array": 1.96 * part["error"], "color": INTERVAL},
            hovertemplate="%{x}: %{y:.2f} nats<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    known = table.dropna(subset=["exact"]).drop_duplicates("reading")
    figure.add_scatter(
        x=known["reading"], y=known["exact"], mode="markers", name="the least possible",
        marker={"symbol": "line-ew", "size": 140, "line": {"width": 3, "color": TRUTH}, "color": TRUTH},
        hovertemplate="%{x}: no model can go below %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        barmode="group", **_frame("read beside the sentence", "cross-entropy (nats per masked token)")
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def _colour(index: int) -> str:
    colours = list(COLOURS.values())
    return colours[index % len(colours)]


def _frame(x: str, y: str) -> dict:
    return {
        "height": 420,
        "margin": {"l": 55, "r": 10, "t": 40, "b": 50},
        "legend": LEGEND,
        "xaxis": {"title": x},
        "yaxis": {"title": y},
    }
