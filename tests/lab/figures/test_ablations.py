"""Figures of studies: what they must show of a table, and what they must not claim."""

import pandas as pd
import pytest

from lab.figures import ablations
from lab.study.baseline_table import baseline_table
from lab.study.statistics import compared
from tests.app.studies import ARMS, baselines, curves, units


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return compared(units(), "mmlm", ARMS)


def marks(figure):
    return next(trace for trace in figure.data if trace.mode == "markers+text")


def test_an_arm_that_differs_is_filled_one_that_does_not_is_open_and_the_reference_is_a_square(table):
    shown = marks(ablations.arms(table, ["retrieval"]))
    symbols = dict(zip(shown.y, shown.marker.symbol, strict=True))
    assert symbols == {"MMLM": "square", "XLCO": "circle", "MMLM + XLCO": "circle"}
    against_xlco = compared(units(), "xlco", ARMS)
    symbols = marks(ablations.arms(against_xlco, ["retrieval"])).marker.symbol
    assert symbols == ("circle", "square", "circle-open")


def test_stars_count_the_levels_that_the_corrected_p_value_passes_and_that_its_seeds_can_carry(table):
    shown = marks(ablations.arms(table, ["retrieval"]))
    rows = table[table["metric"] == "retrieval"]
    assert rows["paired_seeds"].max() == 3
    expected = ["" if pd.isna(p) else "*" * ((p < 0.05) + (p < 0.01)) for p in rows["p_holm"]]
    assert list(shown.text) == expected
    assert max(map(len, expected)) >= 1


def test_error_bars_end_where_the_interval_ends(table):
    shown = marks(ablations.arms(table, ["mmlm"]))
    rows = table[table["metric"] == "mmlm"]
    assert (shown.x + shown.error_x.array).tolist() == pytest.approx(rows["high"].tolist())
    assert (shown.x - shown.error_x.arrayminus).tolist() == pytest.approx(rows["low"].tolist())


def test_the_ceiling_of_a_bound_is_drawn_and_a_truth_far_beyond_it_is_told_in_the_title(table):
    figure = ablations.arms(table, ["xlco"])
    ceiling = next(trace for trace in figure.data if "cannot show more" in trace.hovertemplate)
    assert set(ceiling.x) == {5.0}
    assert figure.layout.xaxis.title.text == "nats<br>(truth: 13.9)"
    drawn = ablations.arms(table.assign(truth=5.5), ["xlco"])
    assert drawn.layout.xaxis.title.text == "nats"
    truth = next(trace for trace in drawn.data if "the truth is" in trace.hovertemplate)
    assert set(truth.x) == {5.5}


def test_what_the_ideal_critic_shows_is_a_short_tick_where_it_is_not_the_truth(table):
    def ticks(shown):
        return next(trace for trace in shown.data if "the ideal critic" in trace.hovertemplate)

    drawn = ticks(ablations.arms(table, ["xlco"]))
    assert set(drawn.x) == {4.5}
    ceiling = next(
        trace for trace in ablations.arms(table, ["xlco"]).data if "cannot show" in trace.hovertemplate
    )
    assert drawn.marker.size < ceiling.marker.size
    assert not len(ticks(ablations.arms(table.assign(attainable=table["truth"]), ["mmlm"])).x)


def test_a_baseline_is_a_thin_line_in_the_panel_of_its_metric_alone_and_is_named_below_it(table):
    beside = baseline_table(baselines({"lsa": 0.9, "tokens": 0.1}))
    figure = ablations.arms(table, ["retrieval", "mmlm"], beside)
    drawn = [trace for trace in figure.data if "without a network" in trace.hovertemplate]
    assert [list(trace.x) for trace in drawn] == [pytest.approx([0.9] * 3), pytest.approx([0.1] * 3)]
    assert all(set(trace.y) == set(ARMS.values()) and trace.xaxis == "x" for trace in drawn)
    assert figure.layout.xaxis.title.text == "LSA 90.0%<br>token overlap 10.0%"


def test_long_names_of_metrics_are_broken_so_that_panels_do_not_overlap(table):
    titles = [
        annotation.text for annotation in ablations.arms(table, ["retrieval", "tlm"]).layout.annotations
    ]
    assert max(len(line) for title in titles for line in title.split("<br>")) <= 21
    assert titles[1].startswith("TLM<br>I(context,")


def test_differences_leave_the_reference_out_and_stand_beside_a_line_at_zero(table):
    figure = ablations.differences(table, ["retrieval", "mmlm"])
    assert all("MMLM" not in trace.y for trace in figure.data)
    assert [shape.x0 for shape in figure.layout.shapes] == [0, 0]


def test_a_number_without_interval_is_drawn_without_one(table):
    alone = table[table["metric"] == "seconds"].assign(low=float("nan"), high=float("nan"))
    assert set(marks(ablations.arms(alone, ["seconds"])).error_x.array) == {0.0}


def test_layers_have_a_line_per_arm_in_order(table):
    figure = ablations.layers(table)
    assert [trace.name for trace in figure.data] == list(ARMS.values())
    assert all(list(trace.x) == [0, 1, 2] for trace in figure.data)
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 3


def test_layers_are_drawn_of_the_metric_that_was_asked_for_with_a_line_at_what_guessing_finds(table):
    roles = table[table["metric"].str.startswith("retrieval_layer_")]
    roles = roles.assign(metric=roles["metric"].str.replace("retrieval", "roles"), value=0.25, chance=0.5)
    figure = ablations.layers(pd.concat([table, roles]), "roles")
    assert all(set(trace.y) == {0.25} for trace in figure.data)
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]


def test_a_band_runs_from_the_lowest_to_the_highest_seed():
    figure = ablations.learning_curves(curves(), "retrieval")
    band, line = figure.data[:2]
    by_step = curves().query("metric == 'retrieval' and arm == 'mmlm'").groupby("step")["value"]
    assert list(band.y[:3]) == pytest.approx(by_step.max().tolist())
    assert list(band.y[3:]) == pytest.approx(by_step.min().tolist()[::-1])
    assert list(line.y) == pytest.approx(by_step.mean().tolist())
