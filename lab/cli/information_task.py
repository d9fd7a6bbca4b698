"""Estimates on known distributions: one task for the command line, and the figures of docs/information.md.

    python -m lab.cli.information_task FOLDER

writes the three figures as HTML pages (about ten minutes on two cores).
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.information.truth import TWELVE
from lab.evaluate.estimates import coverage, estimate_task, estimate_tasks
from lab.figures import estimates as figures

METHODS = ("auto", "gaussian", "student", "ksg", "infonce", "smile", "flow")
LADDER = (
    "1v1-normal-0.75",
    "multinormal-dense-5-5-0.5",
    "student-identity-5-5-2",
    "spiral-multinormal-sparse-5-5-2-2.0",
    "embedding-64-3",
    "embedding-64-6",
    "embedding-64-10",
)
COVERED = (
    "1v1-normal-0.75",
    "asinh-student-identity-1-1-1",
    "swissroll_x-normal_cdf-1v1-normal-0.75",
    "1v1-mixture-0.9",
    "multinormal-dense-5-5-0.5",
)
Progress = Callable[[int, int], None]


def information_of_task(name: str, method: str = "auto", n: int = 5000, seed: int = 0) -> dict[str, Any]:
    """The document of `lab information --task NAME`: one row, beside its truth."""
    return {"run": None, "rows": [estimate_task(name, method, n, seed)]}


def write_figures(folder: Path, progress: Progress | None = None) -> list[Path]:
    """Estimate against truth, errors against n, and coverage, as HTML pages in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = estimate_tasks(dict.fromkeys([*TWELVE, *LADDER]), METHODS, (2000,), (0,), progress)
    sizes = estimate_tasks(LADDER[:4], METHODS, (500, 1000, 2000, 4000), range(3), progress)
    trials = [row for method in ("auto", "ksg") for row in coverage(COVERED, method, 500, 40, progress)]
    made = {
        "estimate-against-truth": figures.against_truth(truth),
        "errors-by-size": figures.by_size(sizes),
        "coverage": figures.coverage(trials),
    }
    paths = [folder / f"{name}.html" for name in made]
    for path, figure in zip(paths, made.values(), strict=True):
        figure.write_html(path, include_plotlyjs="directory")
    return paths


if __name__ == "__main__":
    for written in write_figures(Path(sys.argv[1])):
        print(written)
