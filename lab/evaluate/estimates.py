"""Estimates of information: on sentence vectors of translation pairs, and on distributions that know the
truth.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.information import Estimate, estimate
from core.information.truth import KnownInformation
from core.information.truth import task as known_task
from core.progress import Progress, no_progress
from lab.evaluate.row import Row

Meant = tuple[np.ndarray, np.ndarray]
"""Meanings and the vectors of one language, row by row."""
FEWEST_MEANINGS = 100


def row_of(result: Estimate, **known: Any) -> Row:
    """One tidy row, with the keys `lab information` prints; None where a field does not apply."""
    empty: Row = {"task": None, "layer": None, "source": None, "target": None, "truth": None}
    values = {
        "method": result.method,
        "nats": result.nats,
        "low": result.low,
        "high": result.high,
        "kind": result.kind,
        "ceiling": result.ceiling,
        "n": result.n,
        "seconds": result.seconds,
        "warnings": list(result.warnings),
        "reason": result.reason,
        "words": result.words(),
    }
    return empty | values | known


def paired(
    source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the meanings both languages have, one row per meaning, in the same order.

    Each meaning stands in one row only, so whatever rows a method keeps for testing, no meaning is on both
    sides.
    """
    (source_meanings, i), (target_meanings, j) = (
        np.unique(meanings, return_index=True) for meanings, _ in (source, target)
    )
    _, left, right = np.intersect1d(source_meanings, target_meanings, return_indices=True)
    return source[1][i[left]], target[1][j[right]]


def estimate_pairs(
    vectors_by_language: Mapping[str, Meant],
    layer: int,
    method: str = "auto",
    seed: int = 0,
    pairs: Sequence[tuple[str, str]] | None = None,
    truth: float | None = None,
    progress: Progress = no_progress,
) -> list[Row]:
    """I(sentence vector; translation's vector) in nats for language pairs, from meanings and vectors by
    language.

    `pairs` are (source, target) tags, by default every unordered pair; `truth`, where the text's own
    information is known, is an upper end: vectors cannot carry more. Raises InputError if a pair shares
    under 100 meanings.
    """
    wanted = list(combinations(sorted(vectors_by_language), 2)) if pairs is None else list(pairs)
    rows: list[Row] = []
    for done, (source, target) in enumerate(wanted):
        x, y = paired(vectors_by_language[source], vectors_by_language[target])
        if len(x) < FEWEST_MEANINGS:
            raise InputError(
                f"{source} and {target} share {len(x)} meanings, {FEWEST_MEANINGS} expected: use more text"
            )
        order = np.random.default_rng(seed).permutation(len(x))
        result = estimate(x[order], y[order], method=method, seed=seed)
        known = {"task": "vectors", "layer": layer, "source": source, "target": target, "truth": truth}
        rows.append(row_of(result, **known))
        progress("estimating", done + 1, len(wanted))
    return rows


def estimate_task(name: str, method: str = "auto", n: int = 5000, seed: int = 0, **options: Any) -> Row:
    """An estimate on n samples of a known distribution, beside its truth; None for information without limit."""
    known = known_task(name)
    result = estimate(*known.sample(n, seed), method=method, seed=seed, **options)
    return row_of(result, task=name, truth=_truth(known), seed=seed)


def _truth(known: KnownInformation) -> float | None:
    return known.nats if np.isfinite(known.nats) else None


def estimate_tasks(
    names: Iterable[str],
    methods: Iterable[str],
    sizes: Iterable[int] = (5000,),
    seeds: Iterable[int] = (0,),
    results_file: Path | None = None,
    progress: Progress = no_progress,
) -> list[Row]:
    """Every task by every method at every size and seed; where a method refuses the samples, `nats` is None.

    With `results_file`, each row is appended to that file of JSON lines, and rows that it holds are not estimated
    again.
    """
    cells = list(product(names, methods, sizes, seeds))
    stored = _stored_rows(results_file)
    rows: list[Row] = []
    for done, cell in enumerate(cells):
        row = stored.get(cell)
        if row is None:
            row = _row_or_refusal(*cell)
            if results_file is not None:
                with results_file.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        rows.append(row)
        progress("estimating", done + 1, len(cells))
    return rows


Cell = tuple[str, str, int, int]


def _stored_rows(file: Path | None) -> dict[Cell, Row]:
    if file is None or not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return {(row["task"], row["method"], row["n"], row["seed"]): row for row in rows}


def _row_or_refusal(name: str, method: str, n: int, seed: int) -> Row:
    try:
        return estimate_task(name, method, n, seed)
    except InputError as refusal:
        known = {"task": name, "truth": _truth(known_task(name)), "method": method, "n": n, "seed": seed}
        empty = dict.fromkeys(
            ("layer", "source", "target", "nats", "low", "high", "kind", "ceiling", "seconds")
        )
        return empty | known | {"warnings": [], "reason": "", "words": f"refused: {refusal}"}


def holds(row: Row) -> bool:
    """Whether an interval keeps its promise: it holds the truth, or, of a lower bound, does not begin above it.

    Where the truth has no limit (None), only a lower bound keeps it.
    """
    bounded = row["kind"] == "lower bound"
    if row["truth"] is None:
        return bounded
    return row["low"] <= row["truth"] and (bounded or row["truth"] <= row["high"])


def summary(rows: Iterable[Row]) -> list[Row]:
    """Mean nats, bias, standard deviation, errors, coverage and seconds over the seeds, per task, method and n.

    `coverage` is the share of the trials whose interval `holds`, `bounds` the share that are lower bounds;
    None where a method refuses the samples.
    """
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["method"], row["n"]), []).append(row)
    return [_summary(*key, group) for key, group in groups.items()]


def _summary(name: str, method: str, n: int, group: list[Row]) -> Row:
    measured = [row for row in group if row["nats"] is not None]
    head = {"task": name, "method": method, "n": n, "truth": group[0]["truth"], "trials": len(measured)}
    if not measured:
        keys = ("nats", "bias", "spread", "error", "worst", "coverage", "bounds", "width", "seconds")
        return head | dict.fromkeys(keys)
    nats = np.array([row["nats"] for row in measured])
    endless = head["truth"] is None
    errors = nats - (0.0 if endless else head["truth"])
    return head | {
        "nats": float(nats.mean()),
        "bias": None if endless else float(errors.mean()),
        "spread": float(errors.std(ddof=1)) if len(measured) > 1 else None,
        "error": None if endless else float(np.abs(errors).mean()),
        "worst": None if endless else float(np.abs(errors).max()),
        "coverage": float(np.mean([holds(row) for row in measured])),
        "bounds": float(np.mean([row["kind"] == "lower bound" for row in measured])),
        "width": float(np.mean([row["high"] - row["low"] for row in measured])),
        "seconds": float(np.median([row["seconds"] for row in measured])),
    }
