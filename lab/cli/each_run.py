"""Evaluates several runs, with a bar for each."""

from collections.abc import Callable, Sequence
from typing import Any

from lab import store
from lab.cli.console import progress
from lab.store import Run

Evaluate = Callable[[Run, Callable[[int, int], None]], dict[str, Any]]


def each_run(names: Sequence[str], title: str, evaluate: Evaluate) -> dict[str, Any]:
    """The document of one run, or of several under `runs`.

    Args:
        names: of the runs.
        title: of the evaluation, in front of each bar.
        evaluate: called with a run and a function for progress, which takes the number done and the total.

    Raises:
        InputError: a run does not exist.
    """
    documents = []
    with progress() as bar:
        for name in names:
            task = bar.add_task(f"{title} of {name}", total=None, detail="")
            documents.append(
                evaluate(
                    store.open_run(name),
                    lambda done, of, task=task: bar.update(task, completed=done, total=of),
                )
            )
    return documents[0] if len(documents) == 1 else {"runs": documents}
