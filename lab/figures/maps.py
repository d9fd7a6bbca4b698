"""Maps of sentence vectors in two and three dimensions.

Sentences appear in hover labels only, never as text on WebGL, which breaks Arabic and Hindi.
"""

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lab.figures.languages import language_style
from lab.figures.sentences import hover_text

GREY: Final = "rgba(128,138,150,0.35)"
GREY_3D: Final = "#a3adb7"
"""An opaque grey, because WebGL draws a translucent line as white."""
CAMERA: Final = {"eye": {"x": 0.95, "y": 0.95, "z": 0.55}}
SIZES_3D: Final = {"cross": 4, "x": 2.5}
"""Sizes of the two symbols that plotly draws larger than the others."""


def sentence_map(
    points: np.ndarray,
    sentences: pd.DataFrame,
    half: float,
    colour: str = "language",
    lines: bool = True,
    ringed: int | None = None,
    height: int = 560,
) -> go.Figure:
    """A map of sentences.

    Args:
        points: [n, 2] or [n, 3].
        sentences: columns meaning, language, text, in the order of the points.
        half: axes run from -half to half, whatever the points, so that maps can be compared.
        colour: "language" or "meaning"; the marker's shape always tells the language.
        lines: joins the translations of a meaning.
        ringed: row of a sentence to ring.
        height: in pixels.
    """
    figure = go.Figure()
    meanings = sentences["meaning"].to_numpy()
    hues = meaning_colours(meanings)
    if lines:
        _add_lines(figure, points, meanings)
    for tag in sorted(sentences["language"].unique()):
        rows = np.flatnonzero((sentences["language"] == tag).to_numpy())
        style = language_style(tag)
        marker = {
            "symbol": style.symbol,
            "color": style.colour if colour == "language" else [hues[m] for m in meanings[rows]],
            "size": 8 if points.shape[1] == 2 else SIZES_3D.get(style.symbol, 4.5),
            "line": {"width": 1.5} if "open" in style.symbol else {"width": 0},
        }
        _add(
            figure, points[rows], mode="markers", marker=marker,
            name=style.name, showlegend=colour == "language",
            customdata=np.stack([rows, meanings[rows]], axis=1).tolist(),
            text=[hover_text(text) for text in sentences["text"].iloc[rows]],
            hovertemplate=f"<b>{style.name}</b><br>%{{text}}<extra>meaning %{{customdata[1]}}</extra>",
            ids=[f"{tag}-{m}" for m in meanings[rows]],
        )  # fmt: skip
        if colour != "language":
            grey = {"symbol": style.symbol, "color": "#71808f", "size": marker["size"]}
            nowhere = np.full((1, points.shape[1]), np.nan)
            _add(figure, nowhere, mode="markers", name=style.name, marker=grey)
    if ringed is not None:
        ring = {"symbol": "circle-open", "size": 20, "color": "#e11d48", "line": {"width": 3}}
        _add(
            figure,
            points[[ringed]],
            mode="markers",
            marker=ring,
            hoverinfo="skip",
            showlegend=False,
            name="chosen",
        )
    figure.update_layout(height=height, **_axes(points.shape[1], half))
    return figure


def meaning_colours(meanings: np.ndarray) -> dict[int, str]:
    """A hue per meaning; there are more meanings than hues to tell apart, so lines join translations too."""
    distinct = np.unique(meanings).tolist()
    # steps of the golden angle keep any few meanings far apart
    return {meaning: f"hsl({137.508 * at % 360:.0f},58%,50%)" for at, meaning in enumerate(distinct)}


def add_arrivals(figure: go.Figure, points: np.ndarray, texts: list[str]) -> None:
    """Adds typed sentences to a map in two dimensions, as numbered stars."""
    figure.add_scatter(
        x=points[:, 0], y=points[:, 1], mode="markers+text", name="typed in",
        marker={"symbol": "star", "size": 24, "color": "#ffd54a", "line": {"width": 1.5, "color": "#5b4a00"}},
        text=[str(number) for number in range(1, len(texts) + 1)], textposition="middle center",
        textfont={"color": "#1c2733", "size": 11}, customdata=[hover_text(text) for text in texts],
        hovertemplate="%{text}. %{customdata}<extra>typed in</extra>",
    )  # fmt: skip


def _add_lines(figure: go.Figure, points: np.ndarray, meanings: np.ndarray) -> None:
    """Joins each translation to the middle of its meaning: n lines instead of n squared."""
    parts = []
    for meaning in np.unique(meanings):
        members = points[meanings == meaning]
        middle = np.broadcast_to(members.mean(axis=0), members.shape)
        parts.append(
            np.stack([members, middle, np.full_like(members, np.nan)], axis=1).reshape(-1, points.shape[1])
        )
    joined = np.concatenate(parts)
    _add(
        figure,
        joined,
        mode="lines",
        line={"color": GREY, "width": 1} if points.shape[1] == 2 else {"color": GREY_3D, "width": 2},
        hoverinfo="skip",
        showlegend=False,
        name="translations",
    )


def _add(figure: go.Figure, points: np.ndarray, **trace) -> None:
    axes = dict(zip("xyz", np.round(points, 5).T, strict=False))
    # SVG in two dimensions: scattergl breaks Arabic and Hindi
    (figure.add_scatter3d if points.shape[1] == 3 else figure.add_scatter)(**axes, **trace)


def _axes(dimensions: int, half: float) -> dict:
    plain = {
        "range": [-half, half],
        "showticklabels": False,
        "title": "",
        "zeroline": False,
        "showgrid": False,
    }
    shared = {
        "margin": {"l": 5, "r": 5, "t": 5, "b": 5},
        "uirevision": "steady",
        "legend": {"itemsizing": "constant"},
    }
    if dimensions == 3:
        axis = {**plain, "showbackground": False, "showspikes": False}
        return {
            **shared,
            "scene": {"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "cube", "camera": CAMERA},
        }
    return {
        **shared,
        "xaxis": plain,
        "yaxis": {**plain, "scaleanchor": "x"},
        "dragmode": "pan",
        "legend": {"orientation": "h", "y": -0.02, "itemsizing": "constant"},
        "transition": {"duration": 600, "easing": "cubic-in-out"},
    }
