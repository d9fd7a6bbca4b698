"""How often intervals hold the truth, by the type of the variables: labels, numbers, both."""

from collections.abc import Iterable

import numpy as np

from core.information.truth import BY_TYPE
from lab.evaluate.estimates import holds
from lab.evaluate.row import Row


def coverage_by_type(rows: Iterable[Row]) -> list[Row]:
    """Trials, coverage, share of bounds, misses, mean error (nats) and width, median seconds, per type and n.

    `silent` counts the misses without a warning, `far` those that the interval would miss at twice its width.
    `error` leaves out what has no limit and what is only bounded. Rows of tasks of no type are left out.
    """
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        for name, tasks in BY_TYPE.items():
            if row["task"] in tasks and row["nats"] is not None:
                groups.setdefault((name, row["n"]), []).append(row)
    return [{"type": name, "n": n} | _coverage(group) for (name, n), group in groups.items()]


def _coverage(group: list[Row]) -> Row:
    missed = [row for row in group if not holds(row)]
    read = [row for row in group if row["kind"] == "estimate" and row["truth"] is not None]
    return {
        "trials": len(group),
        "coverage": 1 - len(missed) / len(group),
        "bounds": float(np.mean([row["kind"] != "estimate" for row in group])),
        "silent": sum(not row["warnings"] for row in missed),
        "far": sum(not holds(_widened(row)) for row in missed),
        "error": float(np.mean([abs(row["nats"] - row["truth"]) for row in read])) if read else None,
        "width": float(np.mean([row["high"] - row["low"] for row in group])),
        "seconds": float(np.median([row["seconds"] for row in group])),
    }


def _widened(row: Row) -> Row:
    return row | {"low": 2 * row["low"] - row["nats"], "high": 2 * row["high"] - row["nats"]}
