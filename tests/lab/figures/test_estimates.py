"""Figures of estimators: what must be drawn, and where."""

import numpy as np
import pytest
from scipy import stats

from lab.evaluate.estimates import estimate_tasks, summary
from lab.figures import estimates as figures

PAIR = "1v1-normal-0.75"


@pytest.fixture(scope="module")
def rows():
    return estimate_tasks([PAIR, "channel-4-0.2"], ["gaussian", "ksg"], (100, 200), (0, 1))


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_estimates_stand_over_their_distribution_with_their_intervals(rows):
    figure = figures.against_truth(rows)
    drawn = traces(figure)
    assert list(drawn) == ["truth", "gaussian", "ksg"]
    wanted = [row for row in rows if row["method"] == "ksg"]
    names = [figure.layout.xaxis.ticktext[round(x)] for x in drawn["ksg"].x]
    assert names == [row["task"] for row in wanted]
    assert list(drawn["ksg"].y) == [row["nats"] for row in wanted]
    assert list(drawn["ksg"].y + drawn["ksg"].error_y.array) == pytest.approx([row["high"] for row in wanted])
    assert list(drawn["ksg"].y - drawn["ksg"].error_y.arrayminus) == pytest.approx(
        [row["low"] for row in wanted]
    )
    assert not set(drawn["ksg"].x) & set(drawn["gaussian"].x)


def test_the_truth_is_a_line_across_the_methods_of_each_distribution(rows):
    figure = figures.against_truth(rows)
    line = traces(figure)["truth"]
    truths = {row["task"]: row["truth"] for row in rows}
    assert [truths[name] for name in figure.layout.xaxis.ticktext] == sorted(truths.values())
    assert list(line.y[::3]) == list(line.y[1::3]) == sorted(truths.values())


def test_what_lies_beyond_the_figure_points_out_of_it_and_keeps_its_number(rows):
    far = [row | {"nats": -50.0, "low": -51.0} if row["method"] == "ksg" else row for row in rows]
    figure = figures.against_truth(far)
    drawn = traces(figure)["ksg"]
    assert set(drawn.marker.symbol) == {"triangle-down"}
    assert set(drawn.y) == {figure.layout.yaxis.range[0]}
    assert {said[3] for said in drawn.customdata} == {-50.0}


def test_bounds_have_open_marks_and_a_ceiling_in_sight_is_a_line(rows):
    bounded = [row | {"kind": "lower bound", "ceiling": 0.5} for row in rows]
    figure = figures.against_truth(bounded)
    assert all(symbol.endswith("-open") for symbol in figure.data[1].marker.symbol)
    assert {shape.y0 for shape in figure.layout.shapes} == {0.5}
    high = figures.against_truth([row | {"ceiling": 99.0} for row in rows])
    assert not high.layout.shapes


def test_bias_spread_and_time_are_means_over_the_tasks(rows):
    figure = figures.by_size(rows)
    assert len(figure.data) == 2 * 3
    bias, spread = (trace for trace in figure.data if trace.name == "gaussian" and trace.yaxis in ("y", "y2"))
    errors = [
        [row["nats"] - row["truth"] for row in rows if (row["method"], row["n"], row["task"]) == key]
        for key in (("gaussian", 200, PAIR), ("gaussian", 200, "channel-4-0.2"))
    ]
    assert list(bias.x) == [100, 200]
    assert bias.y[1] == pytest.approx(np.mean([np.mean(part) for part in errors]))
    assert spread.y[1] == pytest.approx(np.mean([np.std(part, ddof=1) for part in errors]))


def test_coverage_carries_the_interval_of_a_share(rows):
    table = [row | {"coverage": 0.9, "trials": 50} for row in summary(rows) if row["n"] == 200]
    trace = figures.coverage(table).data[0]
    wilson = stats.binomtest(45, 50).proportion_ci(0.95, "wilson")
    assert list(trace.x) == [0.9, 0.9]
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(wilson.high, abs=1e-4)
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(wilson.low, abs=1e-4)


def test_every_method_has_a_colour_and_a_mark_of_its_own():
    from core.information.estimators.estimate import METHODS

    styles = [figures.style_of(index) for index in range(len(METHODS))]
    assert len({(style["color"], style["symbol"]) for style in styles}) == len(METHODS)
