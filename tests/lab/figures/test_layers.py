"""The profile over layers shows every value with its interval, and the ceiling of bounds."""

import pandas as pd
import pytest

from lab.figures.layers import by_layer


@pytest.fixture
def table():
    rows = [("a", 0, 0.1, 0.0, 0.2), ("a", 1, 0.5, 0.4, 0.6), ("b", 0, 0.3, 0.1, 0.4)]
    return pd.DataFrame(rows, columns=["name", "layer", "value", "low", "high"])


def test_every_name_has_a_line_with_intervals(table):
    figure = by_layer(table, "share")
    assert [trace.name for trace in figure.data] == ["a", "b"]
    line = figure.data[0]
    assert list(line.x) == [0, 1]
    assert list(line.y) == [0.1, 0.5]
    assert list(line.error_y.array) == pytest.approx([0.1, 0.1])
    assert figure.layout.yaxis.tickformat == ".0%"


def test_bounds_stand_under_their_ceiling(table):
    figure = by_layer(table.assign(ceiling=4.2), "nats")
    assert figure.data[-1].name == "ceiling"
    assert set(figure.data[-1].y) == {4.2}
    assert "bound" in figure.layout.yaxis.title.text
