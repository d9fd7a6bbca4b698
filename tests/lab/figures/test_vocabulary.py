"""Figures of a vocabulary: dots on curves, bars that add up, lines by language."""

import pytest

from lab.figures.vocabulary import allocation_bars, alp_curves, parity_lines, sizes_at, stop_within

DOCUMENT = {
    "curves": {
        "en": {"sizes": [10, 20, 30], "alp": [-9.0, -6.0, -5.0], "hull": [-9.0, -6.0, -5.0]},
        "ar": {"sizes": [12, 20], "alp": [-8.0, -7.0], "hull": [-8.0, -7.0]},
    },
    "path": [
        {"language": "en", "size": 20, "price": 0.3, "union": 31},
        {"language": "ar", "size": 20, "price": 0.1, "union": 38},
    ],
    "smallest_pieces": 21,
}


@pytest.mark.parametrize(
    ("steps", "sizes", "union"),
    [(0, {"en": 10, "ar": 12}, 21), (1, {"en": 20, "ar": 12}, 31), (2, {"en": 20, "ar": 20}, 38)],
)
def test_a_price_buys_the_steps_of_the_path_down_to_it(steps, sizes, union):
    assert sizes_at(DOCUMENT, DOCUMENT["path"], steps) == (sizes, union)


@pytest.mark.parametrize(("room", "stop"), [(20, 0), (21, 0), (37, 1), (38, 2), (900, 2)])
def test_a_size_stops_at_the_last_step_whose_union_fits(room, stop):
    assert stop_within(DOCUMENT, DOCUMENT["path"], [0, 1, 2], room) == stop


def test_a_dot_stands_on_the_curve_of_every_language():
    figure = alp_curves(DOCUMENT, {"en": 20, "ar": 12})
    dots = [(trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"]
    assert dots == [(20, -6.0), (12, -8.0)]


def test_bars_of_languages_add_up_to_union_and_saving():
    figure = allocation_bars({"en": 20, "ar": 20}, 38)
    widths = {bar.y[0]: 0 for bar in figure.data}
    for bar in figure.data:
        widths[bar.y[0]] += bar.x[0]
    assert widths == {"sum": 40, "union": 40}


def test_the_dearest_language_comes_first_and_the_worst_is_no_language():
    rows = [
        {"metric": "parity", "language": tag, "value": value, "low": value - 0.1, "high": value + 0.1}
        for tag, value in (("en", 1.0), ("hi", 2.0), ("fr", 1.3), ("worst", 2.0))
    ]
    figure = parity_lines(rows, "en")
    assert list(figure.layout.yaxis.ticktext) == ["Hindi", "French", "English"]
