"""The store of runs; no other module knows their files. Whatever is written gets a temporary name and is renamed."""

import os

from core.errors import InputError
from lab.store.about import ENDED, WORLD, Request, RunInfo, State, Status, describe
from lab.store.places import NAME, cache_folder, check_name, runs_folder
from lab.store.run import SCORE_COLUMNS, Run
from lab.store.steps import StepLog, tail
from lab.store.writing import StorageFull, replace, room

__all__ = [
    "ENDED",
    "NAME",
    "SCORE_COLUMNS",
    "WORLD",
    "Request",
    "Run",
    "RunInfo",
    "State",
    "Status",
    "StepLog",
    "StorageFull",
    "cache_folder",
    "check_name",
    "create_run",
    "describe",
    "free_name",
    "is_run",
    "list_runs",
    "open_run",
    "replace",
    "room",
    "runs_folder",
    "tail",
]


def create_run(name: str, info: RunInfo) -> Run:
    """A new run folder with its `run.json`.

    Raises:
        InputError: the name is taken or no plain name.
    """
    folder = runs_folder() / check_name(name)
    if folder.exists():
        raise InputError(f"run {name} exists already: choose another --name, or continue it with --resume")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    with room(folder):
        partial.mkdir()
        (partial / "run.json").write_text(info.model_dump_json(indent=1), encoding="utf-8")
        run = Run(name, partial)
        run.write_status("queued", steps=info.settings.steps)
        partial.rename(folder)
    return Run(name, folder)


def open_run(name: str) -> Run:
    """An existing run.

    Raises:
        InputError: there is none of this name.
    """
    folder = runs_folder() / check_name(name)
    if not folder.is_dir():
        known = ", ".join(run.name for run in list_runs()[:8]) or "none yet"
        raise InputError(f"expected a run, got {name!r}; there are: {known}")
    return Run(name, folder)


def is_run(name: str) -> bool:
    """Whether there is a run of this name, readable or not."""
    return all(map(NAME.fullmatch, name.split("/"))) and (runs_folder() / name / "run.json").is_file()


def list_runs() -> list[Run]:
    """All runs, newest first; a folder counts when it holds a `run.json`, readable or not."""
    root = runs_folder()
    found = [*root.glob("*/run.json"), *root.glob("*/*/run.json"), *root.glob("*/*/*/run.json")]
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [Run(str(path.parent.relative_to(root)), path.parent) for path in found]


def free_name(recipe: str) -> str:
    """A name that no run has: the recipe's with a number."""
    number = 1
    while (runs_folder() / f"{recipe}-{number}").exists():
        number += 1
    return f"{recipe}-{number}"
