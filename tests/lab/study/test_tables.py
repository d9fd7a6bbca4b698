"""Tables for people: what they say, and that other programs can read them."""

import math

import pandas as pd
import pytest

from lab.study.tables import cell, latex, line, markdown, wide


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("a", "A & b", "retrieval", 0.5, 0.45, 0.55, "", 0.002),
        ("c", "C_d", "retrieval", 0.9, 0.85, 0.95, "***", 0.002),
        ("c", "C_d", "seconds", 12.34, math.nan, math.nan, "", math.nan),
    ]
    columns = ["arm", "label", "metric", "value", "low", "high", "stars", "chance"]
    return pd.DataFrame(rows, columns=columns)


def test_arms_stand_in_rows_and_metrics_in_columns(table):
    cells = wide(table, ["retrieval", "seconds"])
    assert cells.columns.tolist() == ["arm", "retrieval (top-1) (share; guessing 0.002)", "training time (s)"]
    assert cells.iloc[:, 1].tolist() == ["0.500 [0.450, 0.550]", "0.900 [0.850, 0.950] ***"]
    assert cells.iloc[:, 2].tolist() == ["", "12.3"]


def test_markdown_has_as_many_cells_in_every_line(table):
    lines = markdown(wide(table, ["retrieval", "seconds"]), "a | caption").splitlines()
    assert {line.count("|") for line in lines[:4]} == {4}
    assert lines[1] == "| --- | --- | --- |"
    assert lines[-1] == r"a \| caption"


def test_latex_escapes_what_it_would_read_as_commands(table):
    text = latex(wide(table, ["retrieval"]), "100 % of A_B")
    assert r"A \& b & 0.500" in text
    assert r"C\_d & 0.900 [0.850, 0.950] ***" in text
    assert r"\caption{100 \% of A\_B}" in text
    assert text.count(r"\\") == 3


def test_what_training_took_is_told_with_its_thousands_and_not_tested():
    row = {"arm": "tlm", "metric": "tokens", "value": 5142348.2, "low": 5118639.0, "high": 5166057.0,
           "difference": 1000.0, "difference_low": 900.0, "difference_high": 1100.0, "p_words": "< 0.01",
           "effect_size": -25.0, "stars": "**"}  # fmt: skip
    assert cell(row) == "5,142,348 [5,118,639, 5,166,057]"
    assert line(row) == ("tlm", cell(row), "+1,000 [+900, +1,100]", "", "")
