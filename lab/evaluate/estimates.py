"""Estimates of information: on sentence vectors of translation pairs, and on distributions that know the
truth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from core.errors import InputError
from core.information import Estimate, estimate
from core.information.truth import task as known_task

Progress = Callable[[int, int], None]
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
    progress: Progress | None = None,
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
        if progress:
            progress(done + 1, len(wanted))
    return rows


def estimate_task(name: str, method: str = "auto", n: int = 5000, seed: int = 0, **options: Any) -> Row:
    """An estimate on n samples of a known distribution, beside its truth."""
    known = known_task(name)
    made = estimate(*known.sample(n, seed), method=method, seed=seed, **options)
    return row_of(made, task=name, truth=known.nats, seed=seed)


def estimate_tasks(
    names: Iterable[str],
    methods: Iterable[str],
    sizes: Iterable[int] = (5000,),
    seeds: Iterable[int] = (0,),
    progress: Progress | None = None,
) -> list[Row]:
    """Every task by every method at every size and seed; a method that refuses the samples leaves no row."""
    cells = [(a, b, c, d) for a in names for b in methods for c in sizes for d in seeds]
    rows: list[Row] = []
    for done, (name, method, n, seed) in enumerate(cells):
        try:
            rows.append(estimate_task(name, method, n, seed))
        except InputError:
            continue
        finally:
            if progress:
                progress(done + 1, len(cells))
    return rows


def coverage(
    names: Iterable[str],
    method: str = "auto",
    n: int = 1000,
    trials: int = 100,
    progress: Progress | None = None,
) -> list[Row]:
    """How many of so many seeded trials have an interval that holds the truth (a lower bound: is not above
    it).
    """
    wanted = list(names)
    rows: list[Row] = []
    for index, name in enumerate(wanted):
        held, width = 0, 0.0
        for seed in range(trials):
            row = estimate_task(name, method, n, seed)
            bounded = row["kind"] == "lower bound"
            held += row["low"] <= row["truth"] and (bounded or row["truth"] <= row["high"])
            width += (row["high"] - row["low"]) / trials
            if progress:
                progress(index * trials + seed + 1, len(wanted) * trials)
        rows.append(
            {
                "task": name,
                "method": method,
                "n": n,
                "trials": trials,
                "coverage": held / trials,
                "width": width,
            }
        )
    return rows
