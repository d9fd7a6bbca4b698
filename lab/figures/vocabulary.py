"""A vocabulary by language: ALP by size with its hull, who gets how much at a price, and what each language pays."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from lab.figures.languages import COLOURS, language_style
from lab.figures.legend import LEGEND

UNION: Final = "#5f6b7a"
"""No colour of a language."""
ROW: Final = 20
"""Height of a language's line, in pixels."""


def price_stops(path: Sequence[Mapping[str, Any]], most: int) -> list[int]:
    """Numbers of steps of a path at which a dial stops, evenly spaced: 0, the whole path, and others between.

    >>> price_stops([{}] * 10, 5)
    [0, 2, 4, 6, 8, 10]
    """
    return sorted({round(at * len(path) / most) for at in range(most + 1)})


def stop_within(
    document: Mapping[str, Any], path: Sequence[Mapping[str, Any]], stops: Sequence[int], room: int
) -> int:
    """The last stop whose union fits into the room, or the first."""
    return max((at for at in stops if sizes_at(document, path, at)[1] <= room), default=stops[0])


def sizes_at(
    document: Mapping[str, Any], path: Sequence[Mapping[str, Any]], steps: int
) -> tuple[dict[str, int], int]:
    """How many pieces each language has after so many steps of a path, and how many all have together.

    Args:
        document: of an allocation.
        path: of the document, for one beta.
        steps: from 0, where each language has its smallest vocabulary.
    """
    sizes = {tag: curve["sizes"][0] for tag, curve in document["curves"].items()}
    taken = path[:steps]
    sizes |= {step["language"]: step["size"] for step in taken}
    return sizes, taken[-1]["union"] if taken else document["smallest_pieces"]


def alp_curves(document: Mapping[str, Any], sizes: Mapping[str, int]) -> go.Figure:
    """ALP of each language by the size of its vocabulary, its concave hull dotted, and a mark at its present size.

    Args:
        document: of an allocation.
        sizes: pieces of each language.
    """
    figure = go.Figure()
    for tag, curve in document["curves"].items():
        style = language_style(tag)
        figure.add_scatter(
            x=curve["sizes"], y=curve["hull"], mode="lines", legendgroup=tag, showlegend=False, hoverinfo="skip",
            line={"color": style.colour, "width": 1, "dash": "dot"},
        )  # fmt: skip
        figure.add_scatter(
            x=curve["sizes"], y=curve["alp"], mode="lines+markers", name=style.name, legendgroup=tag,
            line={"color": style.colour, "width": 1.5}, marker={"symbol": style.symbol, "size": 4},
            hovertemplate=f"{style.name}, %{{x:,}} pieces: %{{y:.1f}} nats a line<extra></extra>",
        )  # fmt: skip
        at = curve["sizes"].index(sizes[tag])
        figure.add_scatter(
            x=[sizes[tag]], y=[curve["alp"][at]], mode="markers", legendgroup=tag, showlegend=False,
            marker={"color": style.colour, "symbol": style.symbol, "size": 12},
            hovertemplate=f"{style.name} has %{{x:,}} pieces: %{{y:.1f}} nats a line<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=460, margin={"l": 50, "r": 10, "t": 90, "b": 40}, legend=LEGEND, uirevision="steady",
        xaxis={"title": "pieces of the language", "rangemode": "tozero"}, yaxis={"title": "ALP (nats a line)"},
    )  # fmt: skip
    return figure


def allocation_bars(sizes: Mapping[str, int], union: int) -> go.Figure:
    """Pieces of each language, stacked to their sum, beside the union and what overlap saves."""
    figure, total = go.Figure(), sum(sizes.values())
    for tag, size in sizes.items():
        style = language_style(tag)
        figure.add_bar(
            y=["sum"], x=[size], orientation="h", name=style.name, marker={"color": style.colour}, showlegend=False,
            text=style.name, textposition="inside", insidetextanchor="middle",
            marker_line={"width": 1, "color": "rgba(128,138,150,0.6)"},
            hovertemplate=f"{style.name}: {size:,} pieces<extra></extra>",
        )  # fmt: skip
    for name, amount, colour in (
        ("union: different pieces", union, UNION),
        ("saved: pieces of several languages", total - union, "rgba(128,138,150,0.35)"),
    ):
        figure.add_bar(
            y=["union"], x=[amount], orientation="h", name=name, marker={"color": colour},
            hovertemplate=f"{name}: {amount:,}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="stack", height=210, margin={"l": 60, "r": 10, "t": 40, "b": 40}, legend=LEGEND,
        xaxis={"title": "pieces"}, uirevision="steady",
    )  # fmt: skip
    return figure


def parity_lines(rows: Sequence[Mapping[str, Any]], reference: str) -> go.Figure:
    """Tokens and nats of each language over the reference's on the same meanings, with 95 % intervals; dearest first.

    Args:
        rows: of `lab vocabulary`, one tokenizer's.
        reference: the language that has 1.
    """
    table = pd.DataFrame([row for row in rows if row["metric"] in ("parity", "nats_parity")])
    table = table[table["language"] != "worst"]
    tokens = table[table["metric"] == "parity"]
    order = tokens.sort_values("value", ascending=False)["language"].tolist()
    place = {tag: position for position, tag in enumerate(order)}
    figure = go.Figure()
    for metric, name, colour, symbol, shift in (
        ("parity", "tokens", COLOURS["blue"], "circle", -0.15),
        ("nats_parity", "nats", COLOURS["vermilion"], "square", 0.15),
    ):
        part = table[table["metric"] == metric]
        names = [language_style(tag).name for tag in part["language"]]
        figure.add_scatter(
            x=part["value"], y=part["language"].map(place).astype(float) + shift, mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": 7},
            error_x={"type": "data", "symmetric": False, "thickness": 1.2, "width": 0,
                     "array": part["high"] - part["value"], "arrayminus": part["value"] - part["low"]},
            customdata=list(zip(names, part["low"], part["high"], strict=True)),
            hovertemplate=f"%{{customdata[0]}} {name}: %{{x:.2f}} [%{{customdata[1]:.2f}}, %{{customdata[2]:.2f}}]"
            "<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#71808f", "dash": "dot"})
    figure.update_layout(
        height=100 + ROW * max(4, len(order)), margin={"l": 10, "r": 10, "t": 90, "b": 10}, legend=LEGEND,
        xaxis={"side": "top", "title": f"times {language_style(reference).name}, same meanings"},
        yaxis={"tickvals": list(place.values()), "ticktext": [language_style(tag).name for tag in order],
               "range": [len(order) - 0.4, -0.6], "zeroline": False},
    )  # fmt: skip
    return figure
