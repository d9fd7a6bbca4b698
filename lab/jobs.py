"""Runs as processes of their own: they outlive the page, the notebook or the shell that started them."""

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
"""Processes started here, kept so that each is reaped when it has ended and does not stay as a zombie."""


def start(recipe: str, name: str | None = None, flags: Sequence[str] = (), starter: Starter = NOBODY) -> Run:
    """Starts `lab train RECIPE --queue`; returns its run once its folder is there, or once it waits for its turn.

    Args:
        recipe: its name.
        name: of the run; default: the recipe and a number.
        flags: more arguments, such as `["--steps", "100", "--tlm.no-enabled"]`.
        starter: who asks for it.

    Raises:
        InputError: the recipe or a flag is unknown, or the name is taken; with the command's own words.
    """
    settings_of(recipe)
    while True:
        chosen = store.check_name(name) if name else free_name(recipe)
        if (store.runs_folder() / chosen).exists():
            raise InputError(f"run {chosen} exists already: choose another name")
        try:
            return _launch(["train", recipe, "--name", chosen, *flags], chosen, starter)
        except InputError:
            # another process took the number meanwhile: the next one is free
            if name or not (store.is_run(chosen) or _asked_for(chosen)):
                raise


def free_name(recipe: str) -> str:
    """A name that no run has and no job waits for: the recipe's with a number."""
    taken = {ticket.name for ticket in turns.tickets()}
    number = 1
    while f"{recipe}-{number}" in taken or (store.runs_folder() / f"{recipe}-{number}").exists():
        number += 1
    return f"{recipe}-{number}"


def waiting(name: str) -> bool:
    """Whether a job of this name waits for its turn."""
    return any(ticket.name == name and ticket.state == "waits" for ticket in turns.tickets())


def _asked_for(name: str) -> bool:
    """Whether a job of this name waits or has its turn, whose run may not be there yet."""
    return any(ticket.name == name for ticket in turns.tickets())


def resume(name: str, starter: Starter = NOBODY) -> Run:
    """Continues a run that was stopped, killed or has failed, from its checkpoint, when it is its turn."""
    run = store.open_run(name)
    if run.status.state not in store.ENDED:
        raise InputError(f"run {name} is {run.status.state} already")
    if waiting(name):
        raise InputError(f"run {name} waits for its turn already")
    return _launch(["train", run.info.settings.recipe, "--name", name, "--resume"], name, starter)


def detached(
    arguments: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A `lab` command in a session of its own, its output appended to `log`."""
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
        # another job may wait under the same name, and this one be refused
        waits = (ticket.owner.pid for ticket in turns.tickets() if ticket.state == "waits")
        if process.pid in waits:
            return run
        time.sleep(0.05)
    # a busy machine needs longer to import what trains; the queue shows the job until its run is there
    return run
