"""Runs as processes of their own: they outlive the page, the notebook or the shell that started them."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.files import beside
from lab import store
from lab.recipes import recipe as settings_of
from lab.store import Run, tail

START_SECONDS = 120
_CHILDREN: Final[list[subprocess.Popen[bytes]]] = []
"""Processes started here, kept so that each is reaped when it has ended and does not stay as a zombie."""


def start(recipe: str, name: str | None = None, flags: Sequence[str] = ()) -> Run:
    """Starts `lab train RECIPE` and returns its run once the run's folder is there.

    Args:
        recipe: its name.
        name: of the run; default: the recipe and a number.
        flags: more arguments, such as `["--steps", "100", "--tlm.no-enabled"]`.

    Raises:
        InputError: the recipe or a flag is unknown, or the name is taken; with the command's own words.
    """
    settings_of(recipe)
    while True:
        chosen = store.check_name(name) if name else store.free_name(recipe)
        if (store.runs_folder() / chosen).exists():
            raise InputError(f"run {chosen} exists already: choose another name")
        try:
            return _launch(["train", recipe, "--name", chosen, *flags], chosen)
        except InputError:
            # another process took the number meanwhile: the next one is free
            if name or not store.is_run(chosen):
                raise


def resume(name: str) -> Run:
    """Continues a run that was stopped, killed or has failed, from its checkpoint."""
    run = store.open_run(name)
    if run.status.state not in store.ENDED:
        raise InputError(f"run {name} is {run.status.state} already")
    return _launch(["train", run.info.settings.recipe, "--name", name, "--resume"], name)


def detached(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A `lab` command in a session of its own, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN.append(process)
    return process


def _launch(arguments: Sequence[str], name: str) -> Run:
    # the folder of a new run appears under its name only when it is complete, so its log waits outside
    log = beside(store.cache_folder() / f"{name.replace('/', '.')}.log")
    process = detached(arguments, log)
    deadline = time.monotonic() + START_SECONDS
    run = Run(name, store.runs_folder() / name)
    while time.monotonic() < deadline:
        if (run.folder / "run.json").is_file() and run.status.pid == process.pid:
            # the process goes on writing to the same file under its new name
            log.replace(run.log_path)
            return run
        if process.poll() is not None:
            lines = tail(log, 1)
            log.unlink()
            raise InputError(lines.removeprefix("lab: ") or f"run {name} ended before it began")
        time.sleep(0.05)
    raise InputError(f"run {name} did not start within {START_SECONDS} s: see {log}")
