"""Coverage by the type of the variables, counted from rows made by hand."""

import pytest

from lab.evaluate.estimates import holds
from lab.evaluate.types import coverage_by_type


def row(task: str, truth: float | None, low: float, high: float, **known) -> dict:
    middle = (low + high) / 2
    plain = {"n": 300, "kind": "estimate", "nats": middle, "warnings": ["labels"], "seconds": 0.1}
    return plain | {"task": task, "truth": truth, "low": low, "high": high} | known


def test_misses_are_counted_by_type_and_by_what_was_said_about_them() -> None:
    rows = [
        row("labels-2", 0.0, -0.1, 0.1),
        row("labels-5", 0.0, 0.01, 0.11),
        row("labels-5", 0.0, 0.5, 0.6, warnings=[]),
        row("labels-5", 0.0, -1.0, -0.5, kind="lower bound"),
        row("1v1-normal-0.75", 0.413, 0.4, 0.5),
    ]
    (table,) = coverage_by_type(rows)
    assert (table["type"], table["trials"], table["coverage"]) == ("independent labels", 4, 0.5)
    assert (table["silent"], table["far"], table["bounds"]) == (1, 1, 0.25)
    assert table["error"] == pytest.approx((0 + 0.06 + 0.55) / 3)


def test_what_has_no_limit_is_held_by_a_lower_bound_only() -> None:
    assert holds(row("function-square", None, 4.0, 5.0, kind="lower bound"))
    assert not holds(row("function-square", None, 4.0, 5.0))
