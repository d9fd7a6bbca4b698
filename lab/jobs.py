"""Starts runs in processes that outlive the page, the notebook or the shell that started them."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.files import beside
from lab import store
from lab.recipes import recipe as settings_of
from lab.store import Run, Starter, tail, turns
from lab.store.starter import LOG_VARIABLE

START_SECONDS = 120
NOBODY: Final = Starter()
_CHILDREN: Final[list[subprocess.Popen[bytes]]] = []
"""Processes started by this process; a process in this list is reaped when it ends and leaves no zombie."""


def start(recipe: str, name: str | None = None, flags: Sequence[str] = (), starter: Starter = NOBODY) -> Run:
    """Starts `lab train RECIPE --queue` and returns the run once its folder exists or it waits for its turn.

    Args:
        recipe: name of the recipe.
        name: of the run; default: the recipe and a number.
        flags: more arguments, such as `["--steps", "100", "--tlm.no-enabled"]`.
        starter: who starts the run.

    Raises:
        InputError: the recipe or a flag is unknown, or the name is taken; with the message of the command.
    """
    settings_of(recipe)
    while True:
        run_name = store.check_name(name) if name else free_job_name(recipe)
        if (store.runs_folder() / run_name).exists():
            raise InputError(f"run {run_name} exists already: choose another name")
        try:
            return _launch(["train", recipe, "--name", run_name, *flags], run_name, starter)
        except InputError:
            # another process took the number meanwhile: try the next number
            if name or not (store.is_run(run_name) or _has_ticket(run_name)):
                raise


def free_job_name(recipe: str) -> str:
    """The name of the recipe with the smallest number that no run and no waiting job has."""
    taken = {ticket.name for ticket in turns.tickets()}
    number = 1
    while f"{recipe}-{number}" in taken or (store.runs_folder() / f"{recipe}-{number}").exists():
        number += 1
    return f"{recipe}-{number}"


def waiting(name: str) -> bool:
    """Whether a job of this name waits for its turn."""
    return any(ticket.name == name and ticket.state == "waits" for ticket in turns.tickets())


def _has_ticket(name: str) -> bool:
    """Whether a job of this name waits or has its turn; its run may not exist yet."""
    return any(ticket.name == name for ticket in turns.tickets())


def resume(name: str, starter: Starter = NOBODY) -> Run:
    """Continues a stopped, killed or failed run from its checkpoint, when its turn comes."""
    run = store.open_run(name)
    if run.status.state not in store.ENDED:
        raise InputError(f"run {name} is {run.status.state} already")
    if waiting(name):
        raise InputError(f"run {name} waits for its turn already")
    return _launch(["train", run.info.settings.recipe, "--name", name, "--resume"], name, starter)


def detached(
    arguments: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a `lab` command in a new session, with its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", *arguments],
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN.append(process)
    return process


def _launch(arguments: Sequence[str], name: str, starter: Starter) -> Run:
    # the folder of a new run appears under its name only when it is complete, so its log waits outside
    log = beside(store.cache_folder() / f"{name.replace('/', '.')}.log")
    variables = {**starter.variables, LOG_VARIABLE: str(log.resolve())}
    process = detached([*arguments, "--queue"], log, variables)
    deadline = time.monotonic() + START_SECONDS
    run = Run(name, store.runs_folder() / name)
    while time.monotonic() < deadline:
        if (run.folder / "run.json").is_file() and run.status.pid == process.pid:
            return run
        if process.poll() is not None:
            lines = tail(log, 1)
            log.unlink(missing_ok=True)
            raise InputError(lines.removeprefix("lab: ") or f"run {name} ended before it began")
        # another job may wait under the same name, and refuse this job
        waits = (ticket.owner.pid for ticket in turns.tickets() if ticket.state == "waits")
        if process.pid in waits:
            return run
        time.sleep(0.05)
    # a busy machine needs longer to import what trains; the queue shows the job until its run is there
    return run
