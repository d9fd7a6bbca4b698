"""A short version of `python -m tests.chaos`: half a dozen disturbances of runs."""

import json
from pathlib import Path

import pytest

from tests.chaos.disturbances import DISTURBANCES
from tests.chaos.rounds import Tally, chaos, drawn, table

STORED = Path(__file__).parents[1] / "docs" / "reliability.json"


def test_half_a_dozen_disturbed_runs_end_as_if_nothing_had_happened(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    rows = chaos(6, 1, tmp_path)
    assert [line for row in rows.values() for line in row.violations] == []
    assert sum(row.times for row in rows.values()) == 6


def test_every_kind_of_disturbance_comes_once_before_any_comes_again():
    assert sorted(each.__name__ for each in drawn(2 * len(DISTURBANCES), 3)) == sorted(
        2 * [each.__name__ for each in DISTURBANCES]
    )
    assert drawn(30, 1)[:12] == drawn(12, 1)
    assert drawn(12, 1) != drawn(12, 2)


@pytest.mark.skipif(not STORED.is_file(), reason="docs/reliability.json has not been written yet")
def test_the_table_of_the_page_is_the_one_that_was_measured_and_holds_no_violation():
    stored = json.loads(STORED.read_bytes())
    rows = {name: Tally(**row) for name, row in stored["rows"].items()}
    assert table(rows) in STORED.with_suffix(".md").read_text(encoding="utf-8")
    assert not any(row.violations for row in rows.values())
