"""Which correction of counted information to trust: prints the table of docs/information.md.

python docs/simulations/counting.py [TRIALS]
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from core.information.estimators.discrete import (
    Table,
    chao_shen_entropy,
    corrected_information,
    plug_in_entropy,
    shrunk_information,
    table_of,
)
from core.information.truth import Truth
from core.information.truth.labels import bands, blocks, corrected, independent

SIZES = (100, 300, 1000, 3000)
Labels = np.ndarray


def counted(table: Table, entropy: Callable[[np.ndarray], float]) -> float:
    return entropy(table.left) + entropy(table.right) - entropy(table.cells)


def miller_madow(table: Table) -> float:
    free = len(table.cells) - len(table.left) - len(table.right) + 1
    return counted(table, plug_in_entropy) - free / (2 * table.n)


def jackknife(counts: np.ndarray) -> float:
    n, logs = counts.sum(), counts * np.log(counts)
    fewer = logs.sum() - logs + (counts - 1) * np.log(np.maximum(counts - 1, 1))
    without = np.log(n - 1) - fewer / (n - 1)
    return float(n * plug_in_entropy(counts) - (n - 1) / n * (counts * without).sum())


def james_stein(table: Table) -> float:
    """Hausser and Strimmer 2009, shrunk towards the product of the margins."""
    n = table.n
    seen = table.cells / n
    expected = table.rows * table.columns / n**2
    # cells without a count differ from their expectation by all of it
    squares = np.square(seen - expected).sum() - np.square(expected).sum()
    squares += np.square(table.left / n).sum() * np.square(table.right / n).sum()
    share = min(1.0, (1 - np.square(seen).sum()) / ((n - 1) * squares)) if squares else 1.0
    mixed = (1 - share) * seen + share * expected
    rest = share * np.log(share) * (1 - expected.sum()) if share > 0 else 0.0
    return float((mixed * np.log(mixed / expected)).sum() + rest)


def normalised(x: Labels, y: Labels) -> float:
    """Adjusted for what shuffled labels share, as a part of the smaller entropy."""
    sides = (plug_in_entropy(np.bincount(side)) for side in (x, y))
    return float(adjusted_mutual_info_score(x, y, average_method="min")) * min(sides)


def estimates(x: Labels, y: Labels) -> dict[str, float]:
    table = table_of(x, y)
    return {
        "counted": counted(table, plug_in_entropy),
        "Miller-Madow": miller_madow(table),
        "jackknife": counted(table, jackknife),
        "Grassberger": corrected_information(table),
        "Chao-Shen": counted(table, chao_shen_entropy),
        "James-Stein": james_stein(table),
        "adjusted for chance": normalised(x, y),
        "shrunk by evidence": shrunk_information(table),
    }


def distributions() -> Iterator[Truth]:
    for kinds in (2, 5, 10, 20, 60, 100):
        yield independent(kinds)
    for kinds in (10, 60, 200):
        yield independent(kinds, zipf=True)
    for kinds in (3, 10, 60):
        for error in (0.1, 0.5, 0.8):
            yield corrected(kinds, error)
    for kinds, error in ((10, 0.2), (10, 0.6), (60, 0.2), (60, 0.6)):
        yield corrected(kinds, error, zipf=True)
    for kinds, width in ((10, 0.05), (10, 0.2), (40, 0.05), (40, 0.2), (100, 0.05), (100, 0.2)):
        yield bands(kinds, width)
    yield blocks(60, 6)
    yield blocks(60, 3)


def main(trials: int) -> None:
    rows: dict[str, list[str]] = {}
    for n in SIZES:
        errors: dict[str, list[float]] = {}
        for known in distributions():
            trial: dict[str, list[float]] = {}
            for seed in range(trials):
                x, y = (np.unique(side, return_inverse=True)[1].ravel() for side in known.sample(n, seed))
                for name, nats in estimates(x, y).items():
                    trial.setdefault(name, []).append(nats - known.nats)
            for name, off in trial.items():
                errors.setdefault(name, []).append(float(np.sqrt(np.mean(np.square(off)))))
        for name, off in errors.items():
            rows.setdefault(name, []).append(f"{np.mean(off):.2f}, {max(off):.2f}")
    print("| estimate |", " | ".join(f"n = {n:,}" for n in SIZES), "|")
    print("|" + "---|" * (len(SIZES) + 1))
    for name, cells in rows.items():
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
