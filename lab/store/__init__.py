"""The store of runs; no other module knows their files. Files are written under temporary names and renamed."""

from pathlib import Path

from core.errors import InputError
from core.files import whole_folder
from lab.store.atomic import StorageFull, replace, report_full_disk
from lab.store.paths import NAME, cache_folder, check_name, files_below, modified, runs_folder
from lab.store.results import SCORE_COLUMNS
from lab.store.run import Run
from lab.store.run_info import ENDED, WORLD, Request, RunInfo, State, Status, describe
from lab.store.starter import Starter
from lab.store.steps import StepLog, tail

__all__ = [
    "ENDED",
    "NAME",
    "SCORE_COLUMNS",
    "WORLD",
    "NameTaken",
    "Request",
    "Run",
    "RunInfo",
    "Starter",
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
    "report_full_disk",
    "runs_folder",
    "tail",
]


def create_run(name: str, info: RunInfo) -> Run:
    """Creates a run folder with its `run.json` and claims it for this process.

    Raises:
        NameTaken: the name is taken by a run or a folder.
        InputError: the name lies inside a run or is no plain name, or the folder cannot be written.
    """
    folder = runs_folder() / check_name(name)
    for parent in Path(name).parents:
        if is_run(parent.as_posix()):
            raise InputError(f"{parent.as_posix()} is a run, which holds no others: choose another --name")
    if folder.exists():
        raise _name_taken(name)
    with report_full_disk(folder):
        try:
            with whole_folder(folder) as partial:
                run = Run(name, partial)
                run.claim()
                run.write_info(info)
                run.write_status("queued", steps=info.settings.steps)
        except FileExistsError:
            run.release()
            raise _name_taken(name) from None
    run.move(folder)
    return run


class NameTaken(InputError):
    """The name is taken by a run or a folder of runs."""


def _name_taken(name: str) -> NameTaken:
    if not is_run(name):
        return NameTaken(f"{name} is a folder of other runs: choose another --name")
    return NameTaken(f"run {name} exists already: choose another --name, or continue it with --resume")


def open_run(name: str) -> Run:
    """Opens a run.

    Raises:
        InputError: there is no run of this name.
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
    """All runs, newest first; a folder with a plain name and a `run.json`, readable or not, is a run."""
    root = runs_folder()
    paths = files_below(root, "*/run.json", "*/*/run.json", "*/*/*/run.json")
    paths = [path for path in paths if all(map(NAME.fullmatch, path.relative_to(root).parts))]
    paths.sort(key=modified, reverse=True)
    return [Run(str(path.parent.relative_to(root)), path.parent) for path in paths]


def free_name(recipe: str) -> str:
    """The name of the recipe with the smallest number that no run has."""
    number = 1
    while (runs_folder() / f"{recipe}-{number}").exists():
        number += 1
    return f"{recipe}-{number}"
