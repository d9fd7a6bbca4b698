"""`lab information --task`: estimators on distributions with known information, as table and figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.information.estimators.estimate import METHODS
from core.information.truth import BY_TYPE, EMBEDDINGS, FURTHER, TASKS, TWELVE, TYPED, UNSEEN
from lab.cli.console import bars, out, table
from lab.evaluate.estimates import estimate_tasks, summary
from lab.evaluate.row import Row
from lab.evaluate.types import coverage_by_type
from lab.figures import estimates as figures

GROUPS = {
    "twelve": TWELVE,
    "further": FURTHER,
    "unseen": UNSEEN,
    "embeddings": EMBEDDINGS,
    "types": TYPED,
    **BY_TYPE,
}
ALL = "all"
"""Value of --method for every method."""
TRIALS = 20
"""Least number of seeds for a figure of the share of intervals that hold the truth."""


@dataclass(frozen=True)
class EstimatesQuestion:
    """The requested estimates."""

    tasks: Sequence[str]
    methods: Sequence[str]
    sizes: Sequence[int]
    seeds: range
    file: Path | None = None
    figures: Path | None = None


def information_of_tasks(question: EstimatesQuestion) -> dict[str, Any]:
    """The document of `lab information --task`: a row per estimate beside its truth, and a summary over seeds.

    Raises:
        InputError: a task, group or method is unknown, there is no seed, or a size is below 1.
    """
    tasks = list(dict.fromkeys(name for group in question.tasks for name in GROUPS.get(group, [group])))
    methods = list(METHODS) if ALL in question.methods else list(dict.fromkeys(question.methods))
    _check(tasks, methods, question)
    with bars() as report:
        rows = estimate_tasks(
            tasks,
            methods,
            question.sizes,
            question.seeds,
            question.file,
            report,
        )
    document = {"run": None, "rows": rows, "summary": summary(rows), "types": coverage_by_type(rows)}
    drawn = write_figures(rows, question.figures) if question.figures else []
    return document | {"figures": [str(path) for path in drawn]}


def _check(tasks: Sequence[str], methods: Sequence[str], question: EstimatesQuestion) -> None:
    for name, known in [(name, TASKS) for name in tasks] + [(name, METHODS) for name in methods]:
        if name not in known:
            kind, groups = ("task", [*GROUPS]) if known is TASKS else ("method", [ALL])
            raise InputError(f"expected a {kind} of {', '.join([*groups, *known])}; got {name!r}")
    if not question.seeds or min(question.sizes, default=0) < 1:
        raise InputError(
            f"expected --seeds and --n from 1, got {len(question.seeds)} seeds of {list(question.sizes)} samples"
        )


def write_figures(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Writes HTML pages: estimate against truth; with several sizes, errors by size; with 20 seeds, coverage."""
    known = [row for row in rows if row["nats"] is not None and row["truth"] is not None]
    seeds, sizes = ({row[key] for row in known} for key in ("seed", "n"))
    sample = [row for row in known if row["seed"] == min(seeds) and row["n"] == max(sizes)]
    drawn = {"estimate-against-truth": figures.against_truth(sample)}
    if len(sizes) > 1 and len(seeds) > 1:
        drawn["errors-by-size"] = figures.by_size(known)
    if len(seeds) >= TRIALS:
        drawn["coverage"] = figures.coverage([row for row in summary(known) if row["n"] == max(sizes)])
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.html" for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        figure.write_html(path, include_plotlyjs="directory")
    return paths


COLUMNS = ("task", "method", "n", "truth", "mean", "error", "worst", "holds", "width", "s")
TYPE_COLUMNS = {
    "type": "type",
    "n": "n",
    "trials": "trials",
    "coverage": "holds",
    "bounds": "bounds",
    "silent": "silent misses",
    "far": "far misses",
    "error": "error",
    "width": "width",
    "seconds": "s",
}
FEW_ROWS = 5


def show(document: dict[str, Any]) -> None:
    """Prints the summary as a table, and a few estimates in words."""
    table("estimates in nats over the seeds", COLUMNS, [_cells(row) for row in document["summary"]])
    if document["types"]:
        cells = [[_cell(row[key]) for key in TYPE_COLUMNS] for row in document["types"]]
        table("intervals by the type of the variables", list(TYPE_COLUMNS.values()), cells)
    if len(document["rows"]) <= FEW_ROWS:
        for row in document["rows"]:
            sentences = [row["words"], row["reason"], *row["warnings"]]
            out.print(f"{row['task']}, {row['method']}: {'; '.join(filter(None, sentences))}", markup=False)
    for path in document["figures"]:
        out.print(f"wrote {path}", markup=False)


def _cells(row: Row) -> tuple[str, ...]:
    """A line of the summary; "holds" counts the intervals that hold the truth, "bound" marks a lower bound."""
    truth = "no limit" if row["truth"] is None else f"{row['truth']:.2f}"
    head = (row["task"], row["method"], str(row["n"]), truth)
    if row["nats"] is None:
        return (*head, "refused", "", "", "", "", "")
    mean = f"{'bound ' if row['bounds'] == 1 else ''}{row['nats']:.3f}"
    held = f"{round(row['coverage'] * row['trials'])}/{row['trials']}"
    numbers = (_cell(row[key]) for key in ("error", "worst"))
    return (*head, mean, *numbers, held, f"{row['width']:.3f}", f"{row['seconds']:.1f}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
