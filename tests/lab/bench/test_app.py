"""The benchmark of the dashboard: real sessions, rows beside the limits of a class."""

import json

import pytest

from lab.cli import run as lab

LIMITED = {"first page, slowest session": 15.0, "first page, median": 15.0, "memory of the server": 1.5}


def test_sessions_and_starts_are_measured_beside_the_limits_of_a_class(capsys):
    assert lab(["bench", "--app", "--sessions", "2", "--starts", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["rows"]
    rows = {row["name"]: row for row in document if row["shape"] == "2 sessions"}
    for name, limit in LIMITED.items():
        assert (rows[name]["theirs"], rows[name]["ratio"]) == (
            limit,
            pytest.approx(limit / rows[name]["ours"]),
        )
    assert rows["first page, median"]["ours"] <= rows["first page, slowest session"]["ours"]
    starts = {row["name"]: row["ours"] for row in document if row["shape"] == "2 toy starts at once"}
    assert (starts["starts that were taken"], starts["runs that train"]) == (2, 1)


@pytest.mark.parametrize("words", [["--sessions", "0"], ["--starts", "-1"]])
def test_numbers_that_measure_nothing_are_refused(capsys, words):
    assert lab(["bench", "--app", *words]) == 2
    assert "expected --sessions from 1" in capsys.readouterr().err
