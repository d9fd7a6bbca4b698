"""Studies: arms by metrics with intervals, differences from a reference, layers, and learning curves over seeds."""

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lab.figures.curves import faint
from lab.figures.languages import COLOURS, SYMBOLS
from lab.figures.ledger import ATTAINABLE, CEILING, INTERVAL, TRUTH
from lab.figures.sentences import label_text

ACCENT: Final = "#0f8f8f"
DASHES: Final = ("solid", "dash", "dot", "longdash", "dashdot")
BASELINE: Final = "#9b6bd0"
BASELINE_NAMES: Final = {"lsa": "LSA", "tokens": "token overlap"}
"""Baselines in as few words as fit below a panel."""
SIGNIFICANT: Final = 0.05
VISIBLE: Final = 0.005
"""Nats that two digits show."""
ROW: Final = 38
"""Pixels between two arms."""
WIDTH: Final = 21
"""Characters of a line over a panel, of which seven stand side by side."""


def arms(table: pd.DataFrame, metrics: Sequence[str], baselines: pd.DataFrame | None = None) -> go.Figure:
    """Value of every arm with its 95 % interval, one panel per metric.

    Filled marks differ from the reference arm at 5 %, corrected over the arms; open marks do not; the square is the
    reference. For a bound, grey ticks are ceilings, red ticks the truth, and short blue ticks the value of the ideal
    critic where it differs from the truth. For an accuracy, grey ticks are chance. Thin violet lines are baselines
    without a network.

    Args:
        table: as `lab.study.study` returns it.
        metrics: keys of the metrics, one panel each.
        baselines: as `lab.study.baseline_table.baseline_table` returns them.
    """
    table = _escaped(table)
    figure = _panels(table, metrics, "value", "low", "high")
    for column, metric in enumerate(metrics, start=1):
        rows = _visible(table[table["metric"] == metric])
        for limit, colour, words in (
            ("ceiling", CEILING, "cannot show more than %{x:.2f} nats"),
            ("attainable", ATTAINABLE, "the ideal critic shows %{x:.2f} nats"),
            ("truth", TRUTH, "the truth is %{x:.2f} nats"),
            ("chance", CEILING, "guessing finds %{x:.2%}"),
        ):
            known = rows.dropna(subset=[limit])
            # a short tick stays visible on a ceiling that it nearly reaches
            size = 8 if limit == "attainable" else 16
            figure.add_scatter(
                x=known[limit], y=known["label"], mode="markers", showlegend=False,
                marker={"symbol": "line-ns", "size": size, "line": {"width": 2.5, "color": colour}, "color": colour},
                hovertemplate=f"%{{y}}<br>{words}<extra></extra>", row=1, col=column,
            )  # fmt: skip
        if baselines is not None and metric in set(baselines["metric"]):
            _draw_baselines(figure, column, baselines[baselines["metric"] == metric], rows)
    return figure


def _draw_baselines(figure: go.Figure, column: int, baselines: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Draws a thin line over the arms for each baseline of a metric, with its name and value below the panel."""
    labels = rows.set_index("arm")["label"]
    words = []
    for baseline, part in baselines.groupby("baseline", sort=False):
        known = part[part["arm"].isin(labels.index)]
        name = label_text(BASELINE_NAMES.get(str(baseline), str(baseline)))
        figure.add_scatter(
            x=known["value"], y=labels.reindex(known["arm"]), mode="markers", showlegend=False,
            marker={"symbol": "line-ns", "size": ROW - 4, "line": {"width": 1.5, "color": BASELINE}, "color": BASELINE},
            customdata=[[label_text(row["label"]), _ends(row)] for row in known.to_dict("records")],
            hovertemplate="%{y}<br>without a network, %{customdata[0]}:<br>%{x:.1%}%{customdata[1]}<extra></extra>",
            row=1, col=column,
        )  # fmt: skip
        values = sorted({f"{value:.1%}" for value in known["value"]}, key=lambda share: float(share[:-1]))
        words.append(f"{name} {' – '.join(dict.fromkeys([values[0], values[-1]]))}")
    title = {"text": "<br>".join(words), "standoff": 4, "font": {"size": 12, "color": BASELINE}}
    figure.update_xaxes(title=title, row=1, col=column)


def _ends(row: dict[str, Any]) -> str:
    return "" if pd.isna(row["low"]) else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _escaped(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its texts escaped for plotly, because a study may come from a stranger."""
    texts = [name for name in ("label", "title", "unit") if name in table]
    return table.assign(**{name: table[name].astype(str).map(label_text) for name in texts})


def _visible(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without a truth far beyond the ceiling, and without attainable values equal to the truth.

    A far truth would squeeze the values; the title of the axis gives it instead.
    """
    far = rows["truth"] > 1.5 * rows["ceiling"]
    same = (rows["attainable"] - rows["truth"]).abs() < VISIBLE
    return rows.assign(truth=rows["truth"].mask(far), attainable=rows["attainable"].mask(same))


def differences(table: pd.DataFrame, metrics: Sequence[str]) -> go.Figure:
    """Difference of every arm from the reference on the same sentences and seeds, with its 95 % interval.

    Args:
        table: as `lab.study.study` returns it.
        metrics: keys of the metrics, one panel each.
    """
    figure = _panels(_escaped(table), metrics, "difference", "difference_low", "difference_high")
    figure.add_vline(x=0, line={"color": INTERVAL, "width": 1}, row="all", col="all")  # pyright: ignore[reportArgumentType]
    return figure


def _panels(table: pd.DataFrame, metrics: Sequence[str], value: str, low: str, high: str) -> go.Figure:
    labels = list(dict.fromkeys(table["label"]))
    titles = [_title(table, metric) for metric in metrics]
    figure = make_subplots(1, len(metrics), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.03)
    for column, metric in enumerate(metrics, start=1):
        rows = table[(table["metric"] == metric) & table[value].notna()]
        share = bool((rows["unit"] == "share").all())
        number, title = (".1%" if share else ".3f"), _axis(table[table["metric"] == metric])
        figure.add_scatter(
            x=rows[value], y=rows["label"], mode="markers+text", showlegend=False,
            marker={"color": ACCENT, "size": 10, "symbol": [_symbol(row) for row in rows.to_dict("records")],
                    "line": {"width": 1.5, "color": ACCENT}},
            text=rows["stars"],
            textposition="top center", textfont={"size": 15},
            error_x={
                "type": "data", "symmetric": False, "color": INTERVAL, "thickness": 2,
                "array": (rows[high] - rows[value]).fillna(0.0), "arrayminus": (rows[value] - rows[low]).fillna(0.0),
            },
            customdata=[[_hover(row, share)] for row in rows.to_dict("records")],
            hovertemplate=f"<b>%{{y}}</b><br>%{{x:{number}}}%{{customdata[0]}}<extra></extra>",
            row=1, col=column,
        )  # fmt: skip
        figure.update_xaxes(
            tickformat=".0%" if share else None,
            nticks=5,
            title={"text": title, "standoff": 4},
            row=1,
            col=column,
        )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], range=[-0.6, len(labels) - 0.3])
    figure.update_annotations(font={"size": 12})
    lines = max(title.count("<br>") for title in titles)
    margin = {"l": 5, "r": 10, "t": 30 + 16 * lines, "b": 60}
    figure.update_layout(height=105 + 16 * lines + ROW * len(labels), margin=margin)
    return figure


def _title(table: pd.DataFrame, metric: str) -> str:
    """The title of a metric in short lines: its name, then what it measures."""
    name, _, what = str(table[table["metric"] == metric]["title"].iloc[0]).partition(": ")
    return "<br>".join([*textwrap.wrap(name, WIDTH), *textwrap.wrap(what, WIDTH)])


def _axis(rows: pd.DataFrame) -> str:
    """The title of an axis: the unit, and a truth that is too far away to be drawn."""
    unit = str(rows["unit"].iloc[0])
    far = rows["truth"][(rows["truth"].notna() & _visible(rows)["truth"].isna()).to_numpy()]
    if unit == "share":
        return ""
    return unit if far.empty else f"{unit}<br>(truth: {far.max():.1f})"


def _symbol(row: dict[str, Any]) -> str:
    if pd.isna(row["p_holm"]):
        return "square"
    return "circle" if row["p_holm"] < SIGNIFICANT else "circle-open"


def _hover(row: dict[str, Any], share: bool) -> str:
    scale, unit = (100, " points") if share else (1, f" {row['unit']}")
    interval = "" if pd.isna(row["low"]) else f" [{scale * row['low']:.3g}, {scale * row['high']:.3g}]"
    words = f"{interval}<br>{row['seeds']} seeds, {row['n']:,} held out each"
    if pd.isna(row["difference"]):
        return words
    words += f"<br>difference {scale * row['difference']:+.3g}{unit}"
    if not pd.isna(row["p_holm"]):
        words += (
            f" [{scale * row['difference_low']:+.3g}, {scale * row['difference_high']:+.3g}]"
            f"<br>p {row['p_words']} (Holm), d {row['effect_size']:.2g}"
        )
    return words


def layers(table: pd.DataFrame, metric: str = "retrieval") -> go.Figure:
    """A metric by hidden state, one line per arm with 95 % intervals; the dotted line is chance.

    Args:
        table: as `lab.study.study` returns it.
        metric: out of `lab.figures.metrics.LAYERS`.
    """
    prefix = f"{metric}_layer_"
    rows = _escaped(table[table["metric"].str.startswith(prefix)])
    rows = rows.assign(layer=rows["metric"].str.removeprefix(prefix).astype(int))
    figure = go.Figure()
    for index, (label, part) in enumerate(rows.groupby("label", sort=False)):
        ordered = part.sort_values("layer")
        style = _style(index)
        figure.add_scatter(
            x=ordered["layer"], y=ordered["value"], mode="lines+markers", name=str(label), **style,
            error_y={"type": "data", "symmetric": False, "thickness": 1.5,
                     "array": ordered["high"] - ordered["value"], "arrayminus": ordered["value"] - ordered["low"]},
            customdata=ordered[["low", "high"]],
            hovertemplate="layer %{x}: %{y:.1%} [%{customdata[0]:.1%}, %{customdata[1]:.1%}]"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    guessing = rows["chance"].dropna()
    if len(guessing):
        line = {"color": CEILING, "width": 1.5, "dash": "dot"}
        figure.add_hline(y=guessing.mean(), line=line)  # pyright: ignore[reportArgumentType]
    accuracy = "top-1 accuracy" if metric == "retrieval" else "nearer to the translation"
    figure.update_layout(**_frame("layer that is read", accuracy))
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def learning_curves(curves: pd.DataFrame, metric: str) -> go.Figure:
    """A metric of every arm over training steps: the mean over seeds, in a band from the lowest to the highest seed.

    Args:
        curves: as `StudyFolder.curves` returns them.
        metric: key of the metric.
    """
    rows = _escaped(curves[curves["metric"] == metric])
    figure = go.Figure()
    share = metric == "retrieval"
    for index, (label, part) in enumerate(rows.groupby("label", sort=False)):
        over = part.groupby("step")["value"].agg(["mean", "min", "max"]).reset_index()
        style = _style(index)
        colour = style["line"]["color"]
        figure.add_scatter(
            x=[*over["step"], *over["step"][::-1]], y=[*over["max"], *over["min"][::-1]], fill="toself", mode="lines",
            fillcolor=faint(colour), line={"width": 0}, hoverinfo="skip", showlegend=False, legendgroup=str(label),
        )  # fmt: skip
        number = ".1%" if share else ".2f"
        figure.add_scatter(
            x=over["step"], y=over["mean"], mode="lines", name=str(label), legendgroup=str(label), line=style["line"],
            customdata=over[["min", "max"]],
            hovertemplate=f"step %{{x}}: %{{y:{number}}}, seeds from %{{customdata[0]:{number}}} to "
            f"%{{customdata[1]:{number}}}<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip
    figure.update_layout(**_frame("step", str(rows["title"].iloc[0]) if len(rows) else label_text(metric)))
    if share:
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def _style(index: int) -> dict[str, Any]:
    colours = list(COLOURS.values())
    colour = colours[index % len(colours)]
    return {
        "line": {"color": colour, "width": 2, "dash": DASHES[index % len(DASHES)]},
        "marker": {"color": colour, "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
    }


def _frame(x: str, y: str) -> dict[str, Any]:
    return {
        "height": 380,
        "margin": {"l": 50, "r": 10, "t": 10, "b": 45},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        "xaxis": {"title": x},
        "yaxis": {"title": y},
    }
