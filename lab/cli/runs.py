"""`lab list`: lists the runs. The module is not called `list`, because that would hide the built-in `list`."""

from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from lab import store
from lab.cli.console import out, table
from lab.evaluate.scores import read_mean
from lab.store import turns


@dataclass(frozen=True)
class Command:
    """Lists runs, newest first, with their state and retrieval."""

    def __call__(self) -> dict[str, Any]:
        runs = [*queued(), *(run_row(run) for run in store.list_runs())]
        return {"folder": str(store.runs_folder()), "runs": runs}

    def show(self, document: dict[str, Any]) -> None:
        if not document["runs"]:
            out.print(f"no runs in {document['folder']} yet: lab train toy")
            return
        rows = []
        for run in document["runs"]:
            accuracy = run["mean_accuracy"]
            words = (
                run["message"]
                if accuracy is None
                else f"retrieval {accuracy[0]:.3f} [{accuracy[1]:.3f}, {accuracy[2]:.3f}], guessing {run['chance']:.2g}"
            )
            rows.append((run["run"], run["state"], f"{run['step']}/{run['steps']}", run["languages"], words))
        table("", ("run", "state", "step", "languages", ""), rows)


def queued() -> list[dict[str, Any]]:
    """A row for each job that waits for its turn, the next job first."""
    living = turns.tickets()
    training = [ticket.name or "a run" for ticket in living if ticket.state == "trains"]
    waiting = [ticket for ticket in living if ticket.state == "waits"]
    return [
        _row(
            ticket.name,
            "waits",
            message=f"{place} before it, {' and '.join(training)} trains; {ticket.starter.words('')}",
        )
        for place, ticket in enumerate(waiting, start=len(training))
    ]


def run_row(run: store.Run) -> dict[str, Any]:
    """A row of the list; for a run that cannot be read, the row gives the error."""
    try:
        info, status, scores = run.info, run.status, run.scores()
    except InputError as error:
        return _row(run.name, "broken", message=str(error))
    mean = read_mean(scores)
    accuracy, chance = ([mean.value, mean.low, mean.high], mean.chance) if mean else (None, None)
    languages = " ".join(info.languages)
    return _row(
        run.name, status.state, status.step, status.steps, languages, accuracy, chance, status.message
    )


def _row(
    run: str,
    state: str,
    step: int = 0,
    steps: int = 0,
    languages: str = "",
    mean_accuracy: list[float] | None = None,
    chance: float | None = None,
    message: str = "",
) -> dict[str, Any]:
    return dict(locals())
