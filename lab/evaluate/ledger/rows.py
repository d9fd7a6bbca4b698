"""The rows of the ledger and their words."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from lab.evaluate.row import Row

VISIBLE: Final = 0.005
"""Nats that two digits show."""


def ledger_row(
    task: str,
    nats: float,
    low: float,
    high: float,
    ceiling: float | None,
    kind: str = "lower bound",
    limit: str | None = None,
    **known: Any,
) -> Row:
    """One line of the ledger, with the keys that `lab information` prints; None where a field does not apply.

    `limit` says in words what the ceiling is, where it is not that of a number of candidates.
    `low` and `high` are the ends of the 95 % interval of `nats`; `at_least` is what the information exceeds with 95 %
    confidence, one-sided, of a lower bound. `unit` says nats per what, and `units_per_sentence` how many of these a
    sentence has; `nats_per_sentence` is a sum over the questions that a task asks of a sentence, each of them its own
    information. `truth_error` and `attainable_error` are standard errors. `attainable` is what the ideal reader or
    critic would show: of masked tokens the truth, of XLCO less. `language_nats` is what a reader would show that
    recognises the language alone.
    """
    empty: Row = dict.fromkeys(
        ("layer", "source", "target", "method", "truth", "truth_error", "n", "candidates", "temperature",
         "effective_ceiling", "pairs", "at_least", "attainable", "attainable_error", "unit", "units_per_sentence",
         "language_nats")
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
    if "attainable" not in known:
        row["attainable"], row["attainable_error"] = row["truth"], row["truth_error"]
    row |= _shares(row)
    return {**row, "words": words(row, limit)}


def _shares(row: Row) -> Row:
    """Shares of truth, attainable and ceiling that a row reaches, its share beyond the language, nats per sentence."""
    nats, language, units = row["nats"], row["language_nats"] or 0.0, row["units_per_sentence"]

    def share(of: float | None, beyond: float = 0.0) -> float | None:
        return (nats - beyond) / (of - beyond) if of is not None and of > beyond else None

    return {
        "share": share(row["truth"]),
        "share_of_attainable": share(row["attainable"]),
        "share_of_ceiling": share(row["ceiling"]),
        "share_beyond_language": share(row["attainable"], language) if language else None,
        "nats_per_sentence": None if units is None else nats * units,
    }


def words(row: Mapping[str, Any], limit: str | None = None) -> str:
    """A row in one sentence that cannot be misread; `limit` as in `ledger_row`.

    >>> print(words(ledger_row("xlco", 4.1, 4.0, 4.2, 4.852, at_least=4.02, candidates=128, truth=13.9,
    ...                        truth_error=0.0, attainable=4.8, unit="nats per sentence pair")))
    at least 4.02 nats per sentence pair (95 % confidence); bound 4.10 [4.00, 4.20]; cannot show more than 4.85 with \
128 candidates, the ideal critic 4.80; the truth is 13.90
    """
    parts = [*_shown(row), *(_limits(row, limit) if row["ceiling"] is not None else [])]
    return "; ".join([*parts, truth_in_words(row)])


def bound_in_words(row: Mapping[str, Any]) -> str:
    """The value of a row with its 95 % interval."""
    return f"{row['nats']:z.2f} [{row['low']:z.2f}, {row['high']:z.2f}]"


def truth_in_words(row: Mapping[str, Any]) -> str:
    """Words for the truth of a row, as far as it is known."""
    truth = "not known" if row["truth"] is None else with_error(row["truth"], row["truth_error"])
    return f"the truth is {truth}"


def _shown(row: Mapping[str, Any]) -> list[str]:
    bound, unit = bound_in_words(row), row["unit"] or "nats"
    if row["kind"] != "lower bound":
        return [f"{row['kind']} {bound} {unit}"]
    if row["at_least"] is None:
        return [f"bound {bound} {unit}"]
    if row["at_least"] > 0:
        return [f"at least {row['at_least']:.2f} {unit} (95 % confidence)", f"bound {bound}"]
    return [f"shows nothing with 95 % confidence: the bound is {bound} {unit}"]


def _limits(row: Mapping[str, Any], limit: str | None) -> list[str]:
    """Words for the ceiling of a bound, and for what a reader of the language alone would show."""
    of = f" with {row['candidates']:,} candidates" if row["candidates"] else f" {limit}" if limit else ""
    ideal = "" if row["attainable"] is None or not row["candidates"] else (
        f", the ideal critic {with_error(row['attainable'], row['attainable_error'])}"
    )  # fmt: skip
    parts = [f"cannot show more than {row['ceiling']:.2f}{of}{ideal}"]
    cap = row["effective_ceiling"]
    if cap is not None and cap < row["ceiling"] - VISIBLE:
        parts.append(f"its cosines at temperature {row['temperature']:.3g} not more than {cap:.2f}")
    if (row["language_nats"] or 0.0) > VISIBLE:
        parts.append(f"the language alone tells {row['language_nats']:.2f}")
    return parts


def with_error(nats: float, error: float | None) -> str:
    """A number of nats with its standard error, where that is not 0 as far as two digits show.

    >>> with_error(6.46, 0.021), with_error(13.88, 0.0)
    ('6.46 ± 0.02 (standard error)', '13.88')
    """
    shown = error is not None and error > VISIBLE
    return f"{nats:.2f} ± {error:.2f} (standard error)" if shown else f"{nats:.2f}"


def scores(rows: Iterable[Row]) -> pd.DataFrame:
    """The ledger as tidy scores of the run."""
    table = pd.DataFrame(list(rows))
    count = [f" {int(c)} candidates" if c == c and c else "" for c in table["candidates"].astype(float)]
    metric = table["task"] + " " + table["method"] + count
    tidy = table.assign(metric=metric, value=table["nats"], task="information")
    return tidy.fillna({"source": "", "target": ""})
