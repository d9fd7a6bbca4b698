"""Tables in, figures out: what a figure must show, and what must not reach the browser."""

import numpy as np
import pandas as pd
import pytest

from lab.evaluate.ledger.rows import ledger_row
from lab.figures import by_language, curves, idea, layers, ledger, maps, matrix
from lab.figures.languages import language_style
from lab.figures.sentences import POP_ISOLATE, hover_text


@pytest.fixture
def sentences() -> pd.DataFrame:
    rows = [(m, tag, f"{tag} {m} <i>مرحبا</i>") for tag in ("ar", "en", "zh") for m in (7, 8)]
    return pd.DataFrame(rows, columns=["meaning", "language", "text"])


def steps(count: int = 50) -> pd.DataFrame:
    rows = [
        {"step": s, "bounds.xlco": s / 10, "ceilings.xlco": 5.0, "losses.xlco": 5 - s / 10}
        for s in range(count)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_map_draws_each_language_once_with_its_shape(sentences, dimensions):
    points = np.zeros((6, dimensions))
    figure = maps.sentence_map(points, sentences, 1.0)
    named = [trace for trace in figure.data if trace.showlegend is not False]
    assert [trace.name for trace in named] == ["Arabic", "English", "Chinese"]
    assert len({trace.marker.symbol for trace in named}) == 3


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("colour", ["language", "meaning"])
def test_no_map_writes_text_on_webgl(sentences, dimensions, colour):
    figure = maps.sentence_map(np.zeros((6, dimensions)), sentences, 1.0, colour, ringed=1)
    assert all("text" not in trace.mode for trace in figure.data)
    assert all(trace.type in ("scatter", "scatter3d") for trace in figure.data)


def test_axes_of_a_map_depend_on_the_given_range_only(sentences):
    ranges = [
        maps.sentence_map(scale * np.ones((6, 2)), sentences, 2.0).layout.xaxis.range for scale in (0.1, 1.0)
    ]
    assert ranges[0] == ranges[1] == (-2.0, 2.0)


def test_a_click_carries_the_row_of_the_sentence_as_plain_numbers(sentences):
    # arrays travel to the browser in binary, and then a click does not carry them back
    figure = maps.sentence_map(np.zeros((6, 2)), sentences, 1.0)
    carried = [row for trace in figure.data if trace.customdata is not None for row in trace.customdata]
    assert all(isinstance(row, list | tuple) for row in carried)
    assert [row[0] for row in carried] == list(range(6))


def test_sentences_in_hover_labels_are_escaped_and_isolated_line_by_line():
    label = hover_text("<b>" + "كلمة " * 30)
    assert "<b>" not in label
    assert all(line.endswith(POP_ISOLATE) for line in label.split("<br>"))


def test_lines_of_a_map_join_only_translations(sentences):
    points = np.arange(12.0).reshape(6, 2)
    joined = np.stack([maps.sentence_map(points, sentences, 9.0).data[0][axis] for axis in "xy"], axis=1)
    assert len(joined) == 3 * 6
    assert np.isnan(joined[2::3]).all()
    assert np.allclose(joined[1::3][:3], points[::2].mean(axis=0))


def test_a_smoothed_curve_encloses_its_mean_and_ends_at_the_last_step():
    curve = curves.smoothed(steps(2_000), "bounds.xlco")
    assert len(curve) <= curves.POINTS
    assert curve["step"].iloc[-1] == 1_999
    assert (curve["low"] <= curve["value"]).all()
    assert (curve["value"] <= curve["high"]).all()


@pytest.mark.parametrize(
    "table", [pd.DataFrame({"step": []}), pd.DataFrame({"step": [0], "retrieval": [0.1]}), steps(1)]
)
def test_curves_of_a_run_that_has_not_trained_yet_are_empty_and_no_error(table):
    assert curves.smoothed(table, "bounds.xlco").empty
    curves.losses(table)
    curves.bounds(table)
    curves.retrieval_curve(curves.retrieval_points(table, 10))


def test_intervals_of_retrieval_stay_within_0_and_1_and_narrow_with_more_meanings():
    table = pd.DataFrame({"step": [0, 1, 2], "retrieval": [0.0, 0.5, 1.0]})
    few, many = curves.retrieval_points(table, 20), curves.retrieval_points(table, 2_000)
    assert few["low"].min() >= -1e-12
    assert few["high"].max() <= 1 + 1e-12
    assert (many["high"] - many["low"] < few["high"] - few["low"]).all()


def test_intervals_that_the_run_recorded_are_shown_as_they_are():
    table = pd.DataFrame({"step": [1], "retrieval": [0.5], "retrieval_low": [0.4], "retrieval_high": [0.7]})
    assert curves.retrieval_points(table, 3)[["low", "high"]].to_numpy().tolist() == [[0.4, 0.7]]


def pairs(value: float, half: float = 0.1) -> pd.DataFrame:
    rows = [
        (a, b, value, value - half, value + half, 50, 80, 1 / 80) for a, b in (("en", "ar"), ("ar", "en"))
    ]
    return pd.DataFrame(rows, columns=["source", "target", "value", "low", "high", "n", "pool", "chance"])


def test_rows_of_the_matrix_ask_and_columns_are_searched():
    table = pairs(0.5)
    table.loc[table["source"] == "en", "value"] = 0.9
    heat = matrix.accuracy_matrix(table).data[0]
    assert heat.y[1] == "en"
    assert heat.x[0] == "ar"
    assert heat.z[1][0] == 0.9


def test_a_cell_of_the_matrix_says_on_hover_its_interval_pool_and_chance():
    heat = matrix.accuracy_matrix(pairs(0.5)).data[0]
    assert "50.0% [40.0%, 60.0%], 50 queries<br>guessing 1.2 % of 80 candidates" in heat.customdata[1][0]


def test_of_many_languages_those_with_the_most_directions_are_shown():
    spokes = [("en", f"l{number:03}") for number in range(60)] + [("fr", "l007"), ("l007", "fr")]
    table = pd.DataFrame(spokes, columns=["source", "target"])
    assert matrix.most_measured(table, 4) == ["en", "fr", "l000", "l007"]
    assert len(matrix.among(table, ["en", "l007", "fr"])) == 3


def test_languages_stand_a_line_each_lowest_first():
    tags = [
        f"{row_letter}{letter}" for row_letter in "abcdefghijklmnopqrst" for letter in "abcdefghijklmnopqrst"
    ]
    rows = [
        (tag, metric, 1 - number / 500, 0.1, 1.0, 0.05)
        for number, tag in enumerate(tags)
        for metric in ("mean_from", "mean_to")
    ]
    means = pd.DataFrame(rows, columns=["language", "metric", "value", "low", "high", "chance"])
    figure = by_language.language_lines(means)
    assert figure.layout.height == 100 + 20 * 400
    assert figure.layout.yaxis.ticktext[0] == language_style(tags[-1]).name
    asking = next(trace for trace in figure.data if trace.name == "asking")
    assert asking.customdata[0][1:] == [0.1, 1.0, 0.05]
    few = by_language.extremes(means, 5)
    assert sorted(few["language"].unique()) == sorted([*tags[:5], *tags[-5:]])
    assert len(few) == 20


def test_the_curve_of_retrieval_shows_what_guessing_finds_where_the_run_recorded_it():
    steps = pd.DataFrame(
        {"step": [0, 9], "retrieval": [0.01, 0.5], "retrieval_low": [0.0, 0.4], "retrieval_high": [0.1, 0.6],
         "retrieval_chance": [0.02, 0.02], "retrieval_smallest_pool": [50, 50], "retrieval_largest_pool": [50, 50]}
    )  # fmt: skip
    figure = curves.retrieval_curve(curves.retrieval_points(steps, 50))
    (guess,) = [trace for trace in figure.data if trace.line.dash == "dot"]
    assert list(guess.y) == [0.02, 0.02]
    earlier = steps[["step", "retrieval"]]
    (guess,) = [
        trace
        for trace in curves.retrieval_curve(curves.retrieval_points(earlier, 50)).data
        if trace.line.dash == "dot"
    ]
    assert len(guess.y) == 0


def test_half_widths_of_a_difference_add_in_squares():
    both = matrix.accuracy_differences(pairs(0.8, 0.03), pairs(0.5, 0.04))
    assert both["value"].tolist() == pytest.approx([0.3, 0.3])
    assert (both["high"] - both["value"]).tolist() == pytest.approx([0.05, 0.05])


def test_a_difference_beyond_its_interval_is_marked_and_another_is_not():
    sure = matrix.difference_matrix(matrix.accuracy_differences(pairs(0.8, 0.03), pairs(0.5, 0.04))).data[0]
    unsure = matrix.difference_matrix(matrix.accuracy_differences(pairs(0.52, 0.03), pairs(0.5, 0.04))).data[
        0
    ]
    assert "•" in sure.text[0][1]
    assert "•" not in unsure.text[0][1]


def test_bars_of_bounds_never_exceed_their_ceilings():
    rows = pd.DataFrame(
        [{"name": "XLCO", "colour": "#000000", "value": 4.0, "low": 3.9, "high": 4.1, "ceiling": 4.8}]
    )
    ceiling, bound = idea.bound_bars(rows).data
    assert bound.x[0] <= ceiling.x[0]


def test_the_drawing_of_the_idea_is_the_same_every_time():
    assert idea.before_and_after(("en", "ar")).to_json() == idea.before_and_after(("en", "ar")).to_json()


def test_legends_stand_where_a_figure_makes_room_for_their_lines():
    rows = [
        ledger_row(
            "xlco", 2.0, 1.9, 2.1, 2.77, candidates=16, method="infonce", unit="nats per sentence pair"
        )
    ]
    steps = pd.DataFrame({"step": [1, 2], "losses.mmlm": [7.0, 6.0]})
    read = pd.DataFrame({"name": "run", "layer": [0, 1], "value": 0.5, "low": 0.4, "high": 0.6})
    figures = [
        ledger.ledger(rows),
        ledger.by_candidates(rows),
        curves.losses(steps),
        layers.by_layer(read, "share"),
    ]
    for figure in figures:
        legend = figure.layout.legend
        # only a legend at the edge of the container pushes the plot away (plotly: automargin of legends)
        assert (legend.orientation, legend.yref, legend.y, legend.yanchor) == ("h", "container", 1, "top")


def test_the_scale_of_colours_takes_no_width_from_the_columns_of_a_matrix():
    pairs = pd.DataFrame(
        [("en", "fr", 0.5, 0.4, 0.6, 10, 10, 0.1)],
        columns=["source", "target", "value", "low", "high", "n", "pool", "chance"],
    )
    assert matrix.accuracy_matrix(pairs).data[0].colorbar.orientation == "h"
