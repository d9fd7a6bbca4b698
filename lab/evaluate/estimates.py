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

Row = dict[str, Any]
Meant = tuple[np.ndarray, np.ndarray]
"""Meanings and the vectors of one language, row by row."""
FEWEST_MEANINGS = 100


def row_of(made: Estimate, **known: Any) -> Row:
    """One tidy row, with the keys `lab information` prints; None where a field does not apply."""
    empty: Row = {"task": None, "layer": None, "source": None, "target": None, "truth": None}
    told = {
        "method": made.method,
        "nats": made.nats,
        "low": made.low,
        "high": made.high,
        "kind": made.kind,
        "ceiling": made.ceiling,
        "n": made.n,
        "seconds": made.seconds,
        "warnings": list(made.warnings),
        "reason": made.reason,
        "words": made.words(),
    }
    return empty | told | known


def paired(
    one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the meanings both languages have, one row per meaning, in the same order.

    Each meaning stands in one row only, so whatever rows a method keeps for testing, no meaning is on both
    sides.
    """
    (first, i), (second, j) = (np.unique(meanings, return_index=True) for meanings, _ in (one, two))
    _, left, right = np.intersect1d(first, second, return_indices=True)
    return one[1][i[left]], two[1][j[right]]


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
        made = estimate(x[order], y[order], method=method, seed=seed)
        known = {"task": "vectors", "layer": layer, "source": source, "target": target, "truth": truth}
        rows.append(row_of(made, **known))
        progress("estimating", done + 1, len(wanted))
    return rows


def estimate_task(name: str, method: str = "auto", n: int = 5000, seed: int = 0, **options: Any) -> Row:
    """An estimate on n samples of a known distribution, beside its truth; None for information without limit."""
    known = known_task(name)
    made = estimate(*known.sample(n, seed), method=method, seed=seed, **options)
    return row_of(made, task=name, truth=_truth(known), seed=seed)


def _truth(known: KnownInformation) -> float | None:
    return known.nats if np.isfinite(known.nats) else None


def estimate_tasks(
    names: Iterable[str],
    methods: Iterable[str],
    sizes: Iterable[int] = (5000,),
    seeds: Iterable[int] = (0,),
    kept: Path | None = None,
    progress: Progress = no_progress,
) -> list[Row]:
    """Every task by every method at every size and seed; where a method refuses the samples, `nats` is None.

    With `kept`, each row is appended to that file of JSON lines as it is made, and rows found there are not
    made again.
    """
    cells = list(product(names, methods, sizes, seeds))
    found = _kept(kept)
    rows: list[Row] = []
    for done, cell in enumerate(cells):
        row = found.get(cell)
        if row is None:
            row = _row_or_refusal(*cell)
            if kept is not None:
                with kept.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        rows.append(row)
        progress("estimating", done + 1, len(cells))
    return rows


Cell = tuple[str, str, int, int]


def _kept(file: Path | None) -> dict[Cell, Row]:
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
    """Per task, method and n over the seeds: mean nats, bias, standard deviation, errors, coverage, seconds.

    `coverage` is the share of the trials whose interval `holds`, `bounds` the share that are lower bounds;
    None where a method refuses the samples.
    """
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["method"], row["n"]), []).append(row)
    return [_summary(*key, group) for key, group in groups.items()]


def _summary(name: str, method: str, n: int, group: list[Row]) -> Row:
    made = [row for row in group if row["nats"] is not None]
    head = {"task": name, "method": method, "n": n, "truth": group[0]["truth"], "trials": len(made)}
    if not made:
        keys = ("nats", "bias", "spread", "error", "worst", "coverage", "bounds", "width", "seconds")
        return head | dict.fromkeys(keys)
    nats = np.array([row["nats"] for row in made])
    endless = head["truth"] is None
    errors = nats - (0.0 if endless else head["truth"])
    return head | {
        "nats": float(nats.mean()),
        "bias": None if endless else float(errors.mean()),
        "spread": float(errors.std(ddof=1)) if len(made) > 1 else None,
        "error": None if endless else float(np.abs(errors).mean()),
        "worst": None if endless else float(np.abs(errors).max()),
        "coverage": float(np.mean([holds(row) for row in made])),
        "bounds": float(np.mean([row["kind"] == "lower bound" for row in made])),
        "width": float(np.mean([row["high"] - row["low"] for row in made])),
        "seconds": float(np.median([row["seconds"] for row in made])),
    }
