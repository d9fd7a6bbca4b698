"""Evaluates several runs, with a bar for each."""

from collections.abc import Callable, Sequence
from typing import Any

from core.progress import Progress
from lab import store
from lab.cli.console import bars
from lab.store import Run

Evaluate = Callable[[Run, Progress], dict[str, Any]]


def each_run(names: Sequence[str], title: str, evaluate: Evaluate) -> dict[str, Any]:
    """The document of one run, or of several under `runs`.

    Args:
        names: of the runs.
        title: of the evaluation, in front of each bar.
        evaluate: called with a run and what it reports its progress to.

    Raises:
        InputError: a run does not exist.
    """
    documents = []
    for name in names:
        with bars(f"{title} of {name}: ") as report:
            documents.append(evaluate(store.open_run(name), report))
    return documents[0] if len(documents) == 1 else {"runs": documents}
