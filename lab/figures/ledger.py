"""The ledger: what each task shows to be there, what it could show at most, and what is there."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.figures import curves
from lab.figures.idea import GREY
from lab.figures.sentences import label_text
from lab.figures.tasks import TASKS, TaskStyle

TRUTH: Final = "#d1495b"
CEILING: Final = "#71808f"
INTERVAL: Final = "#808b99"
"""Seen on the light and on the dark background, on a bar and beside it."""
VISIBLE: Final = 0.05
Rows = Iterable[Mapping[str, Any]]


def tightest(rows: Rows) -> dict[str, Mapping[str, Any]]:
    """One row per task: of XLCO the mean over directions with the most candidates, its temperature fitted."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        old = found.get(row["task"])
        if old is None or _rank(row) >= _rank(old):
            found[row["task"]] = row
    return found


def _rank(row: Mapping[str, Any]) -> tuple[bool, int]:
    return row.get("source") is None, row["candidates"] or 0


def ledger(rows: Rows) -> go.Figure:
    """Bound (coloured), ceiling (grey) and truth (red line) of each task on one axis in nats, bits above."""
    chosen = tightest(rows)
    shown = [(task, chosen[task.key]) for task in TASKS if task.key in chosen][::-1]
    labels = [_label(task, row) for task, row in shown]
    figure = go.Figure()
    figure.add_bar(
        x=[row["ceiling"] for _, row in shown], y=labels, orientation="h", marker={"color": GREY}, width=0.62,
        name="ceiling: cannot show more", hovertemplate="%{y}<br>cannot show more than %{x:.2f} nats<extra></extra>",
    )  # fmt: skip
    figure.add_bar(
        x=[max(0.0, row["nats"]) for _, row in shown], y=labels, orientation="h", width=0.36,
        marker={"color": [task.colour for task, _ in shown]}, name="bound: at least", showlegend=False,
        error_x={
            "type": "data", "symmetric": False, "color": INTERVAL, "thickness": 2,
            "array": [max(0.0, row["high"] - max(0.0, row["nats"])) for _, row in shown],
            "arrayminus": [max(0.0, row["nats"]) - max(0.0, min(row["low"], row["nats"])) for _, row in shown],
        },
        customdata=[[label_text(row["words"])] for _, row in shown],
        hovertemplate="%{y}<br>%{customdata[0]}<extra></extra>",
    )  # fmt: skip
    known = [
        (label, row["truth"])
        for label, (_, row) in zip(labels, shown, strict=True)
        if row["truth"] is not None
    ]
    if known:
        figure.add_scatter(
            x=[truth for _, truth in known], y=[label for label, _ in known], mode="markers", name="truth",
            marker={"symbol": "line-ns", "size": 34, "line": {"width": 3, "color": TRUTH}, "color": TRUTH},
            hovertemplate="%{y}<br>the truth is %{x:.2f} nats<extra></extra>",
        )  # fmt: skip
    top = 1.06 * max([0.1, *(max(row["ceiling"] or 0.0, row["truth"] or 0.0) for _, row in shown)])
    # an axis is drawn only where something uses it
    figure.add_scatter(x=[None], y=labels[:1], xaxis="x2", showlegend=False, hoverinfo="skip")
    figure.update_layout(
        barmode="overlay", height=145 + 66 * max(1, len(shown)), margin={"l": 5, "r": 10, "t": 85, "b": 45},
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0},
        xaxis={"title": "information (nats)", "range": [0, top]}, yaxis={"ticksuffix": "  "},
        xaxis2={"title": "bits", "range": [0, top / math.log(2)], "overlaying": "x", "side": "top",
                "showgrid": False, "tickmode": "auto"},
    )  # fmt: skip
    return figure


def _label(task: TaskStyle, row: Mapping[str, Any]) -> str:
    return f"{task.name}, {row['candidates']:,} candidates" if row["candidates"] else task.name


def by_candidates(rows: Rows) -> go.Figure:
    """XLCO over the number of candidates: the ceiling log(candidates) hides the truth until it exceeds it."""
    table = pd.DataFrame([row for row in rows if row["task"] == "xlco"]).sort_values("candidates")
    task = next(task for task in TASKS if task.key == "xlco")
    counts = table["candidates"].to_numpy(dtype=float)
    truth = table["truth"].dropna()
    last = max(float(counts.max()), 2 * math.exp(min(float(truth.max()), 30.0)) if len(truth) else 0.0)
    span = np.geomspace(max(2.0, counts.min() / 2), last, 60)
    figure = go.Figure()
    figure.add_scatter(
        x=span.tolist(), y=np.log(span).tolist(), mode="lines", name="ceiling log(candidates)",
        line={"color": CEILING, "dash": "longdash", "width": 1.5},
        hovertemplate="%{x:,.0f} candidates cannot show more than %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    trained = table[table["method"] == "infonce"]
    capped = trained.dropna(subset=["effective_ceiling"])
    lost = (capped["ceiling"] - capped["effective_ceiling"]).to_numpy(dtype=float)
    if np.max(lost, initial=0.0) > VISIBLE:
        figure.add_scatter(
            x=capped["candidates"].tolist(), y=capped["effective_ceiling"].tolist(), mode="lines",
            name="most that its scores can show", line={"color": CEILING, "dash": "dot", "width": 1.5},
            hovertemplate="scores as trained cannot show more than %{y:.2f} nats<extra></extra>",
        )  # fmt: skip
    fitted = table[table["method"] != "infonce"]
    _bound(figure, trained, "at least, scores as trained", task.colour, "dot", "circle-open")
    _bound(figure, fitted, "at least, temperature fitted", task.colour, "solid", "circle")
    if len(truth):
        figure.add_scatter(
            x=span[[0, -1]].tolist(), y=[float(truth.mean())] * 2, mode="lines", name="truth",
            line={"color": TRUTH, "width": 2}, hovertemplate="the truth is %{y:.2f} nats<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=380, margin={"l": 50, "r": 10, "t": 10, "b": 45}, legend={"orientation": "h", "y": 1.18, "x": 0},
        xaxis={"title": "candidates", "type": "log", "dtick": 1}, yaxis={"title": "information (nats)"},
    )  # fmt: skip
    return figure


def _bound(figure: go.Figure, table: pd.DataFrame, name: str, colour: str, dash: str, symbol: str) -> None:
    """A line through the means over directions; a single direction is not comparable and stands alone."""
    alone = table["source"].notna()
    for part, mode, told in ((table[~alone], "lines+markers", name), (table[alone], "markers", None)):
        if part.empty:
            continue
        figure.add_scatter(
            x=part["candidates"].tolist(), y=part["nats"].tolist(), mode=mode, name=told or name,
            showlegend=told is not None, line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol.replace("circle", "circle" if told else "diamond"), "size": 9, "color": colour},
            error_y={
                "type": "data", "symmetric": False, "array": (part["high"] - part["nats"]).tolist(),
                "arrayminus": (part["nats"] - part["low"]).tolist(),
            },
            customdata=[[label_text(_place(row) + row["words"])] for row in part.to_dict("records")],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )  # fmt: skip


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['source']}→{row['target']}: " if isinstance(row["source"], str) else ""


def growing(steps: pd.DataFrame, truth: Mapping[str, float]) -> go.Figure:
    """Bounds of the training batches over steps under their ceilings, with the truth where it is known."""
    figure = curves.bounds(steps)
    shown = [task for task in TASKS if f"bounds.{task.key}" in steps]
    for column, task in enumerate(shown, start=1):
        known = truth.get(task.key)
        if known is None:
            continue
        last = float(steps["step"].max())
        figure.add_scatter(
            x=[0, last], y=[known, known], mode="lines", line={"color": TRUTH, "width": 2}, row=1, col=column,
            hovertemplate="the truth is %{y:.2f} nats<extra></extra>",
        )  # fmt: skip
        ceiling = float(np.nanmax(steps[f"ceilings.{task.key}"].to_numpy(dtype=float)))
        top = max(known, ceiling)
        figure.update_yaxes(range=[-0.12 * top, 1.12 * top], row=1, col=column)
    return figure
