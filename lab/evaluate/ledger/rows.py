"""The rows of the ledger and their words."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.evaluate.estimates import Row


def ledger_row(
    task: str,
    nats: float,
    low: float,
    high: float,
    ceiling: float | None,
    kind: str = "lower bound",
    **known: Any,
) -> Row:
    """One line of the ledger, with the keys that `lab information` prints; None where a field does not apply.

    `low` and `high` are the ends of the 95 % interval of `nats`; `at_least` is what the information exceeds with 95 %
    confidence, one-sided, of a lower bound.
    """
    empty: Row = dict.fromkeys(
        ("layer", "source", "target", "method", "truth", "truth_error", "n", "candidates", "temperature",
         "effective_ceiling", "pairs", "at_least")
    )  # fmt: skip
    row = {
        "task": task,
        **empty,
        "nats": nats,
        "low": low,
        "high": high,
        "kind": kind,
        "ceiling": ceiling,
        **known,
    }
    truth = row["truth"]
    attainable = None if truth is None else min(truth, math.inf if ceiling is None else ceiling)
    row["share"] = nats / truth if truth and truth > 0 else None
    row["share_of_attainable"] = nats / attainable if attainable and attainable > 0 else None
    return {**row, "words": words(row)}


def words(row: Mapping[str, Any]) -> str:
    """A row in one sentence that cannot be misread.

    >>> print(words({"task": "xlco", "kind": "lower bound", "nats": 4.1, "low": 4.0, "high": 4.2, "ceiling": 4.852,
    ...              "candidates": 128, "truth": 13.9, "effective_ceiling": None}))
    at least 4.10 nats [4.00, 4.20]; cannot show more than 4.85 with 128 candidates; the truth is 13.90
    """
    interval = f"{row['nats']:.2f} nats [{row['low']:.2f}, {row['high']:.2f}]"
    of_truth = "the truth is"
    if row["kind"] != "lower bound":
        parts = [f"TLM less MMLM on the same tokens: {interval}", "a difference of bounds, not a bound"]
        of_truth = "in truth the translation adds"
    else:
        parts = [f"at least {interval}" if row["nats"] > 0 else f"shows nothing: the bound is {interval}"]
        of = f"with {row['candidates']:,} candidates" if row["candidates"] else "= H(token)"
        parts.append(f"cannot show more than {row['ceiling']:.2f} {of}")
        cap = row["effective_ceiling"]
        if cap is not None and cap < row["ceiling"] - 0.005:
            parts.append(f"its cosines at temperature {row['temperature']:.3g} not more than {cap:.2f}")
    parts.append("the truth is not known" if row["truth"] is None else f"{of_truth} {row['truth']:.2f}")
    return "; ".join(parts)


def scores(rows: Iterable[Row]) -> pd.DataFrame:
    """The ledger as tidy scores of the run."""
    table = pd.DataFrame(list(rows))
    count = [f" {int(c)} candidates" if c == c and c else "" for c in table["candidates"].astype(float)]
    metric = table["task"] + " " + table["method"] + count
    kept = table.assign(metric=metric, value=table["nats"], unit="nats", task="information")
    return kept.fillna({"source": "", "target": ""})
