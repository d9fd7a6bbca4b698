"""`lab train RECIPE`: trains a run."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from core.config import Settings
from core.errors import InputError
from core.text.corpus import open_corpus
from lab import store
from lab.cli import parse as parse_words
from lab.cli.console import errors, out, progress, table
from lab.recipes import RECIPES, recipe
from lab.store import turns
from lab.store.starter import LOG_VARIABLE, starter_of_process

if TYPE_CHECKING:
    from core.text.corpus import Corpus


@dataclass(frozen=True)
class Command:
    """Trains a recipe into a run folder, on a corpus or on the built-in world."""

    settings: Annotated[Settings, tyro.conf.arg(name="")]
    """Settings of the run; the defaults shown are those of the recipe."""
    corpus: Path | None = None
    """Corpus folder; default: the built-in world."""
    name: str | None = None
    """Name of the run; default: the recipe and a number."""
    resume: bool = False
    """Continue the run of this name, or the newest run of the recipe, from its checkpoint."""
    resume_if_exists: bool = False
    """Continue the run of --name if it exists, else start it; a finished run is left as it is."""
    take_over: bool = False
    """With --resume: the process that has the run is known to be gone, although its lock is still there. The process
    must belong to another machine, and is watched for a minute before its run is taken over."""

    queue: bool = False
    """Wait until fewer than PARALLAX_JOBS runs (1 by default) train in this folder of runs and no earlier job waits."""

    def __call__(self) -> dict[str, Any] | None:
        with self._turn():
            return self._trained()

    def _turn(self) -> AbstractContextManager[None]:
        """A turn to train, taken at once or waited for, before anything large is imported."""
        # the first process of a run takes the turn for all
        if os.environ.get("RANK", "0") != "0":
            return nullcontext()
        if self.queue and self.corpus is not None:
            open_corpus(self.corpus)
        log = os.environ.get(LOG_VARIABLE, "")
        return turns.turn(self.name or "", starter_of_process(), _waiting if self.queue else None, log)

    def _trained(self) -> dict[str, Any] | None:
        from core.processes import process_state
        from core.train import NonFiniteLoss
        from lab.threads import threads_note
        from lab.training import run_training

        run, corpus = self._opened()
        main = process_state().is_main_process
        if main:
            _take_log(run)
        if corpus is not None:
            if main and (note := threads_note(run.info)):
                errors.print(f"lab: {note}")
            with progress() if main else nullcontext() as bar:
                try:
                    run_training(run, corpus, _Bar(bar))
                except NonFiniteLoss as error:
                    raise InputError(f"run {run.name}: {error}") from error
        process_state().destroy_process_group()
        return document(run) if main else None

    def _opened(self) -> "tuple[store.Run, Corpus | None]":
        """The run, and its text unless the run is finished."""
        from core.processes import broadcast_from_main
        from lab.starting import reopen_run, start_run

        if self.take_over and not (self.resume or self.resume_if_exists):
            raise InputError("--take-over goes on with a run: add --resume")
        if self.resume_if_exists and self.name is None:
            raise InputError("--resume-if-exists needs the name of the run: add --name")
        if self.corpus is not None and self.settings.world != recipe(self.settings.recipe).world:
            raise InputError("settings of the world are not read with --corpus: leave one of them out")
        exists = self.resume_if_exists and broadcast_from_main(lambda: store.is_run(self.name or ""))
        if not self.resume and not exists:
            return start_run(self.name, self.settings, self.corpus)
        name = self.name or broadcast_from_main(lambda: _last_name(self.settings.recipe))
        run = store.open_run(name)
        self._check_same(name, run.info.settings)
        if exists and broadcast_from_main(lambda: run.status.state) == "finished":
            return run, None
        return reopen_run(name, self.corpus, self.take_over, _watching)

    def _check_same(self, name: str, stored: Settings) -> None:
        from lab.starting import resolved, settings_difference

        requested = resolved(self.settings)
        if requested in (stored, recipe(stored.recipe)):
            return
        difference, remedy = settings_difference(requested, stored), "leave the flags out, or start a new run"
        if requested.model_copy(update={"steps": stored.steps}) in (stored, recipe(stored.recipe)):
            remedy = (
                f"to train it further, lab export {name} --out FOLDER, then "
                f"lab train {stored.recipe} --model.start FOLDER --steps with how many more"
            )
        raise InputError(f"a resumed run keeps its settings, but {difference}: {remedy}")

    def show(self, document: dict[str, Any]) -> None:
        rows = [
            ("state", document["state"]),
            ("steps", f"{document['steps']:,}"),
            ("seconds", f"{document['seconds']:.1f}"),
        ]
        rows += [("tokens", f"{document['tokens']:,}")]
        rows += [(f"{task} loss", f"{loss:.3f} nats") for task, loss in document["losses"].items()]
        rows += _retrieval_row(document)
        table(f"run {document['run']}", ("", ""), rows)
        out.print(f"look at it: lab app    errors: lab evaluate {document['run']}")


def _retrieval_row(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The row of held-out retrieval, or a row that says it was not measured; empty for an unfinished run."""
    if document["retrieval"] is not None:
        value, low, high = document["retrieval"]
        pools = " to ".join(f"{size:,}" for size in sorted(set(document["pools"])))
        words = f"{value:.3f} [{low:.3f}, {high:.3f}] mean top-1 over directed pairs, guessing {document['chance']:.2g}"
        return [("held-out retrieval", f"{words} in pools of {pools}")]
    if document["state"] != "finished":
        return []
    return [("held-out retrieval", f"not measured: lab evaluate {document['run']} says why")]


def _waiting(before: int) -> None:
    errors.print(f"lab: waits for its turn, {before} before it; PARALLAX_JOBS says how many train at a time")


def _take_log(run: store.Run) -> None:
    """Moves the log file of a process that a page has started into the run's folder; it stays open for writing."""
    log = os.environ.pop(LOG_VARIABLE, "")
    if log:
        Path(log).replace(run.log_path)


def _watching(status: store.Status) -> None:
    errors.print(f"lab: {status.owner.words()} has this run; watching for a minute whether it lives")


class _Bar:
    """Shows the reports of a run: losses and training bounds in nats, tokens per second, time left."""

    def __init__(self, bar: Any) -> None:
        self.bar, self.tasks = bar, {}

    def __call__(self, report: Any) -> None:
        if report.warning:
            self.bar.console.print(f"note: {report.warning}", soft_wrap=True)
            return
        if report.phase not in self.tasks:
            self.tasks[report.phase] = self.bar.add_task(report.phase, total=report.total, detail="")
        detail = ""
        if report.record:
            record = report.record
            parts = [
                f"{task} {loss:.2f} ({record['bounds'][task]:.2f})" for task, loss in record["losses"].items()
            ]
            speed = f"{record['tokens'] / record['seconds']:,.0f} tokens/s"
            detail = f"loss (training bound) in nats: {'  '.join(parts)}  {speed}"
        self.bar.update(self.tasks[report.phase], completed=report.done, total=report.total, detail=detail)


def _last_name(recipe: str) -> str:
    names = [run.name for run in store.list_runs() if run.name.startswith(f"{recipe}-")]
    if not names:
        raise InputError(
            f"there is no run of {recipe} to resume: name one with --name, or leave --resume out"
        )
    return names[0]


def document(run: store.Run) -> dict[str, Any]:
    """The document that `lab train --json` prints."""
    from lab.evaluate.scores import read_mean

    steps = run.steps()
    trained = steps[steps["step"] > 0] if len(steps) else steps
    mean = read_mean(run.scores())
    last = trained.iloc[-1] if len(trained) else {}
    return {
        "run": run.name,
        "state": run.status.state,
        "steps": int(last.get("step", 0)),
        "seconds": float(last.get("elapsed", 0.0)),
        "tokens": int(trained["tokens"].sum()) if len(trained) else 0,
        "losses": {
            key.removeprefix("losses."): float(last[key])
            for key in steps.columns
            if key.startswith("losses.")
        }
        if len(trained)
        else {},
        "retrieval": [mean.value, mean.low, mean.high] if mean else None,
        "chance": mean.chance if mean else None,
        "pools": list(mean.pools) if mean else None,
    }


def parse(words: list[str]) -> Command:
    """Parses a recipe and its settings as flags."""
    if not words or words[0].startswith("-"):
        if not words or words[0] in ("-h", "--help"):
            print("usage: lab train RECIPE [--corpus FOLDER] [--name NAME] [--resume] [settings]\n")
            for name, make in RECIPES.items():
                print(f"  {name:<14}{(make.__doc__ or '').splitlines()[0]}")
            print("\nlab train RECIPE --help lists every setting with its unit, default and source")
            sys.exit(0 if words else 2)
        raise InputError(
            f"expected the recipe first, as in lab train toy {' '.join(words)}; recipes: {', '.join(RECIPES)}"
        )
    settings = recipe(words[0])
    return parse_words(Command, f"lab train {words[0]}", words[1:], default=Command(settings))
