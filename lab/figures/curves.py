"""Records of a run over training steps: losses, bounds under their ceilings, retrieval."""

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lab.figures.legend import LEGEND
from lab.figures.sentences import label_text
from lab.figures.tasks import TaskStyle, recorded

POINTS: Final = 400
Z95: Final = 1.959964


def smoothed(steps: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean over the latest steps with its 95 % interval: columns step, value, low, high.

    The window is a twentieth of the steps so far, at least 10: wide enough for an interval, narrow enough to follow.
    """
    trained = steps[steps["step"] > 0]
    if column not in trained or trained.empty:
        return pd.DataFrame(columns=["step", "value", "low", "high"])
    values = pd.DataFrame({"step": trained["step"], column: trained[column]}).dropna()
    window = values[column].rolling(max(10, len(values) // 20), min_periods=1)
    half = Z95 * window.std().fillna(0.0) / np.sqrt(window.count())
    mean = window.mean()
    curve = pd.DataFrame({"step": values["step"], "value": mean, "low": mean - half, "high": mean + half})
    return curve.iloc[_thinned(len(curve))]


def _thinned(count: int) -> np.ndarray:
    """Positions of at most `POINTS` rows, the last row always among them."""
    return (
        np.unique(np.linspace(0, count - 1, min(count, POINTS)).astype(int))
        if count
        else np.array([], dtype=int)
    )


def losses(steps: pd.DataFrame) -> go.Figure:
    """Loss of each task over steps, in nats."""
    figure = go.Figure()
    for task in recorded(steps.columns):
        curve = smoothed(steps, f"losses.{task.key}")
        if len(curve):
            _band(figure, curve, task)
    figure.update_layout(**_frame("loss (nats)"))
    return figure


def bounds(steps: pd.DataFrame) -> go.Figure:
    """The training bound of each task under its ceiling, in nats; one panel per task."""
    shown = recorded(steps.columns)
    figure = make_subplots(
        1,
        max(1, len(shown)),
        subplot_titles=[label_text(task.name) for task in shown],
        horizontal_spacing=0.05,
    )
    for column, task in enumerate(shown, start=1):
        curve, ceiling = smoothed(steps, f"bounds.{task.key}"), smoothed(steps, f"ceilings.{task.key}")
        figure.add_scatter(
            x=ceiling["step"], y=ceiling["value"], mode="lines",
            line={"color": "#71808f", "width": 1.5, "dash": "longdash"},
            hovertemplate="cannot exceed %{y:.2f} nats<extra></extra>", row=1, col=column,
        )  # fmt: skip
        _band(figure, curve, task, row=1, col=column)
        top = float(np.max(ceiling["value"].to_numpy(), initial=0.1))
        # early in training a bound may lie far below zero, where it says nothing
        figure.update_yaxes(range=[-0.12 * top, 1.12 * top], row=1, col=column)
        figure.update_xaxes(title_text="step", row=1, col=column)
    figure.update_layout(
        **{
            **_frame("information (nats)"),
            "showlegend": False,
            "margin": {"l": 50, "r": 10, "t": 30, "b": 40},
        }
    )
    return figure


def retrieval_curve(points: pd.DataFrame) -> go.Figure:
    """Mean held-out retrieval over steps with its interval: columns step, value, low, high, chance, as shares.

    The dotted line is chance, where the run recorded it.
    """
    figure = go.Figure()
    guessed = points.dropna(subset=["chance"])
    figure.add_scatter(
        x=guessed["step"], y=guessed["chance"], mode="lines", showlegend=False,
        line={"color": "#71808f", "width": 1.5, "dash": "dot"}, hovertemplate="guessing finds %{y:.2%}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[*points["step"], *points["step"][::-1]], y=[*points["high"], *points["low"][::-1]],
        fill="toself", mode="lines", fillcolor="rgba(15,143,143,0.18)", line={"width": 0},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=points["step"], y=points["value"], mode="lines+markers", line={"color": "#0f8f8f", "width": 2},
        customdata=points[["low", "high"]], showlegend=False,
        hovertemplate="step %{x}: %{y:.1%}  [%{customdata[0]:.1%}, %{customdata[1]:.1%}]<extra></extra>",
    )  # fmt: skip
    figure.update_layout(**_frame("top-1 accuracy"))
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def shares(steps: pd.DataFrame) -> go.Figure | None:
    """The part of the vocabulary that the softmax of each task ran over; None where all ran over the whole."""
    figure = go.Figure()
    for task in recorded(steps.columns):
        curve = smoothed(steps, f"shares.{task.key}")
        if len(curve):
            _band(figure, curve, task, unit="of the vocabulary")
    if not figure.data:
        return None
    figure.update_layout(**_frame("share of the vocabulary"))
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _band(figure: go.Figure, curve: pd.DataFrame, task: TaskStyle, unit: str = "nats", **where: int) -> None:
    figure.add_scatter(
        x=[*curve["step"], *curve["step"][::-1]], y=[*curve["high"], *curve["low"][::-1]], fill="toself", mode="lines",
        fillcolor=faint(task.colour), line={"width": 0}, hoverinfo="skip", showlegend=False, **where,
    )  # fmt: skip
    figure.add_scatter(
        x=curve["step"], y=curve["value"], mode="lines", name=label_text(task.name),
        line={"color": task.colour, "dash": task.dash, "width": 2}, customdata=curve[["low", "high"]],
        hovertemplate=f"{label_text(task.name)} step %{{x}}: %{{y:.2f}} {unit} "
        "[%{customdata[0]:.2f}, %{customdata[1]:.2f}]<extra></extra>",
        **where,
    )  # fmt: skip


def faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _frame(label: str) -> dict:
    return {
        "xaxis": {"title": "step", "rangemode": "tozero"},
        "yaxis": {"title": label},
        "height": 300,
        "margin": {"l": 50, "r": 10, "t": 10, "b": 40},
        "legend": LEGEND,
        "uirevision": "steady",
    }


def retrieval_points(steps: pd.DataFrame, meanings: int) -> pd.DataFrame:
    """Held-out retrieval at each snapshot; empty where the run measured none.

    Columns step, value, low, high, chance, directions, smallest_pool, largest_pool. Where the run recorded no interval,
    Wilson's interval for `meanings` independent queries is used: the directions share their meanings, so no more
    queries than these are independent, and the true interval is no wider.
    """
    columns = ["step", "value", "low", "high", "chance", "directions", "smallest_pool", "largest_pool"]
    if "retrieval" not in steps:
        return pd.DataFrame(columns=columns)
    points = steps.dropna(subset=["retrieval"]).rename(columns={"retrieval": "value"})
    points = points.rename(columns=lambda name: name.removeprefix("retrieval_")).reindex(columns=columns)
    if bool(points["low"].notna().all()):
        return points.reset_index(drop=True)
    share = points["value"]
    middle = (share + Z95**2 / (2 * meanings)) / (1 + Z95**2 / meanings)
    half = (
        Z95 * np.sqrt(share * (1 - share) / meanings + Z95**2 / (4 * meanings**2)) / (1 + Z95**2 / meanings)
    )
    return points.assign(low=middle - half, high=middle + half).reset_index(drop=True)
