"""The ledger: what each task shows, what it and the ideal critic could show at most, and what is there."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.figures.idea import GREY
from lab.figures.legend import LEGEND
from lab.figures.sentences import label_text
from lab.figures.tasks import ADDED, MMLM_OWN, PER_PAIR, PER_SENTENCE, TaskStyle, style_of, styles_of

TRUTH: Final = "#d1495b"
ATTAINABLE: Final = "#2f86d1"
CEILING: Final = "#71808f"
INTERVAL: Final = "#808b99"
"""Seen on the light and on the dark background, on a bar and beside it."""
HATCH: Final = "#d3d8de"
"""Seen on the colours of the tasks, and on both backgrounds in the legend."""
VISIBLE: Final = 0.05
IN_NATS: Final = (
    "nats", "low", "high", "at_least", "ceiling", "truth", "truth_error", "attainable", "attainable_error",
    "language_nats",
)  # fmt: skip
"""Keys of a row that are in its unit; their values are None where a ledger of an older version lacks them."""
Rows = Iterable[Mapping[str, Any]]


def tightest(rows: Rows) -> dict[str, Mapping[str, Any]]:
    """One row per task; for XLCO the mean over directions with the most candidates and a fitted temperature.

    Chosen by what was measured, never by its value: the largest of several bounds would be a selection.
    """
    by_task: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        old = by_task.get(row["task"])
        if old is None or _rank(row) >= _rank(old):
            by_task[row["task"]] = row
    return by_task


def _rank(row: Mapping[str, Any]) -> tuple[bool, int, bool]:
    return row.get("source") is None, row["candidates"] or 0, "fitted" in (row.get("method") or "")


def ledger(rows: Rows, per_sentence: bool = False) -> go.Figure:
    """Bound (coloured), ceiling (grey), what is attainable (blue) and truth (red) of each task, in nats, bits above.

    Each task counts in its own unit, which its label names; `per_sentence`, all in nats per sentence. The hatched part
    of a bar is what the language alone tells.
    """
    by_task = tightest(rows)
    tasks = styles_of(key for key in by_task if key not in (ADDED, MMLM_OWN))
    shown = [(task, _scaled(by_task[task.key], per_sentence)) for task in tasks][::-1]
    labels = [_label(task, row, per_sentence) for task, row in shown]
    figure = go.Figure()
    figure.add_bar(
        x=[row["ceiling"] for _, row in shown], y=labels, orientation="h", marker={"color": GREY}, width=0.62,
        name="ceiling: cannot show more", hovertemplate="%{y}<br>cannot show more than %{x:.2f} nats<extra></extra>",
    )  # fmt: skip
    figure.add_bar(
        x=[max(0.0, row["nats"]) for _, row in shown], y=labels, orientation="h", width=0.36,
        marker={"color": [task.colour for task, _ in shown]}, name="bound", showlegend=False,
        error_x={
            "type": "data", "symmetric": False, "color": INTERVAL, "thickness": 2,
            "array": [max(0.0, row["high"] - max(0.0, row["nats"])) for _, row in shown],
            "arrayminus": [max(0.0, row["nats"]) - max(0.0, min(row["low"], row["nats"])) for _, row in shown],
        },
        customdata=[[label_text(row["words"])] for _, row in shown],
        hovertemplate="%{y}<br>%{customdata[0]}<extra></extra>",
    )  # fmt: skip
    rows_by_label = dict(zip(labels, (row for _, row in shown), strict=True))
    _language(figure, rows_by_label)
    _mark(
        figure,
        rows_by_label,
        "attainable",
        "attainable: the ideal critic",
        ATTAINABLE,
        "the ideal critic shows",
    )
    _mark(figure, rows_by_label, "truth", "truth", TRUTH, "the truth is")
    top = 1.06 * max([0.1, *(max(row["ceiling"] or 0.0, row["truth"] or 0.0) for _, row in shown)])
    # an axis is drawn only where something uses it
    figure.add_scatter(x=[None], y=labels[:1], xaxis="x2", showlegend=False, hoverinfo="skip")
    figure.update_layout(
        barmode="overlay", height=145 + 66 * max(1, len(shown)), margin={"l": 5, "r": 10, "t": 85, "b": 45},
        legend=LEGEND | {"itemsizing": "constant"},
        xaxis={"title": PER_SENTENCE if per_sentence else "nats, per what each row names",
               "range": [0, top]}, yaxis={"ticksuffix": "  "},
        xaxis2={"title": "bits", "range": [0, top / math.log(2)], "overlaying": "x", "side": "top",
                "showgrid": False, "tickmode": "auto"},
    )  # fmt: skip
    return figure


def _scaled(row: Mapping[str, Any], per_sentence: bool) -> dict[str, Any]:
    """A row in nats per sentence; a ledger of an older version does not know how, and stays as it is."""
    units = (row.get("units_per_sentence") or 1.0) if per_sentence else 1.0
    scaled = {key: None if row.get(key) is None else row[key] * units for key in IN_NATS}
    return {**row, **scaled}


def _language(figure: go.Figure, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """The part of each bar that a reader of the language alone would show."""
    known = {label: row["language_nats"] for label, row in rows.items() if row["language_nats"]}
    if not known:
        return
    figure.add_bar(
        x=[min(nats, max(0.0, rows[label]["nats"])) for label, nats in known.items()], y=list(known), orientation="h",
        width=0.36, name="of it the language alone", customdata=list(known.values()),
        marker={"color": "rgba(255,255,255,0)", "line": {"width": 1, "color": INTERVAL},
                "pattern": {"shape": "/", "fgcolor": HATCH, "size": 7}},
        hovertemplate="%{y}<br>the language alone tells %{customdata:.2f} nats of a token<extra></extra>",
    )  # fmt: skip


def _mark(
    figure: go.Figure, rows: Mapping[str, Mapping[str, Any]], key: str, name: str, colour: str, words: str
) -> None:
    """A line across each bar where a number is known; what is attainable is drawn only where it is not the truth."""
    known = {label: row for label, row in rows.items() if row[key] is not None}
    if key == "attainable":
        known = {label: row for label, row in known.items() if abs(row[key] - row["truth"]) > VISIBLE}
    if not known:
        return
    errors = [row[f"{key}_error"] or 0.0 for row in known.values()]
    figure.add_scatter(
        x=[row[key] for row in known.values()], y=list(known), mode="markers", name=name, customdata=errors,
        marker={"symbol": "line-ns", "size": 34, "line": {"width": 3, "color": colour}, "color": colour},
        hovertemplate=f"%{{y}}<br>{words} %{{x:.2f}} ± %{{customdata:.2f}} (standard error) nats<extra></extra>",
    )  # fmt: skip


def _label(task: TaskStyle, row: Mapping[str, Any], per_sentence: bool) -> str:
    count = f", {row['candidates']:,} candidates" if row["candidates"] else ""
    unit = PER_SENTENCE if per_sentence else task.unit
    return f"{label_text(task.name)}{count}<br>{unit}"


def by_candidates(rows: Rows) -> go.Figure:
    """A contrastive bound over the number of candidates, its ceiling, the ideal critic and the truth."""
    table = pd.DataFrame([row for row in rows if row["candidates"]]).sort_values("candidates")
    task = style_of(str(table["task"].iloc[0]))
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
    _bound(figure, trained, "bound, scores as trained", task.colour, "dot", "circle-open")
    _bound(figure, fitted, "bound, temperature fitted", task.colour, "solid", "circle")
    _ideal(figure, table)
    if len(truth):
        figure.add_scatter(
            x=span[[0, -1]].tolist(), y=[float(truth.mean())] * 2, mode="lines", name="truth",
            line={"color": TRUTH, "width": 2}, hovertemplate="the truth is %{y:.2f} nats<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=380, margin={"l": 50, "r": 10, "t": 40, "b": 45}, legend=LEGEND,
        xaxis={"title": "candidates", "type": "log", "dtick": 1}, yaxis={"title": f"information ({PER_PAIR})"},
    )  # fmt: skip
    return figure


def _bound(figure: go.Figure, table: pd.DataFrame, name: str, colour: str, dash: str, symbol: str) -> None:
    """A line through the means over directions; a single direction is not comparable and stands alone."""
    alone = table["source"].notna()
    for part, mode, label in ((table[~alone], "lines+markers", name), (table[alone], "markers", None)):
        if part.empty:
            continue
        figure.add_scatter(
            x=part["candidates"].tolist(), y=part["nats"].tolist(), mode=mode, name=label or name,
            showlegend=label is not None, line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol.replace("circle", "circle" if label else "diamond"), "size": 9, "color": colour},
            error_y={
                "type": "data", "symmetric": False, "array": (part["high"] - part["nats"]).tolist(),
                "arrayminus": (part["nats"] - part["low"]).tolist(),
            },
            customdata=[[label_text(_place(row) + row["words"])] for row in part.to_dict("records")],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )  # fmt: skip


def _ideal(figure: go.Figure, table: pd.DataFrame) -> None:
    """Draws the bound of the ideal critic with as many candidates, where the ledger knows it."""
    if "attainable" not in table:
        return
    known = table.dropna(subset=["attainable"]).drop_duplicates("candidates")
    if known.empty:
        return
    figure.add_scatter(
        x=known["candidates"].tolist(), y=known["attainable"].tolist(), mode="lines+markers",
        name="attainable: the ideal critic", line={"color": ATTAINABLE, "width": 2, "dash": "dashdot"},
        marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": ATTAINABLE}},
        customdata=known["attainable_error"].tolist(),
        hovertemplate="with %{x:,} candidates the ideal critic shows %{y:.2f} ± %{customdata:.2f} (standard error) nats"
        "<extra></extra>",
    )  # fmt: skip


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['source']}→{row['target']}: " if isinstance(row["source"], str) else ""
