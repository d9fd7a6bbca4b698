"""The folders of runs and caches, and the names that runs may have."""

import os
import re
from glob import glob
from pathlib import Path
from typing import Final

from core.errors import InputError
from lab.store.atomic import report_full_disk

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
MOST_PARTS: Final = 3
"""Runs are listed down to this depth in the folder of runs."""


def runs_folder() -> Path:
    """The folder of runs: `PARALLAX_RUNS`, or `runs` in the working folder.

    Raises:
        InputError: the variable is empty, or names a file.
    """
    name = os.environ.get("PARALLAX_RUNS", "runs")
    if not name.strip():
        raise InputError(
            "PARALLAX_RUNS is empty: name the folder of runs there, or unset it for runs/ in this folder"
        )
    if Path(name).is_file():
        raise InputError(f"expected a folder of runs in PARALLAX_RUNS, got the file {name}: name a folder")
    return Path(name)


def cache_folder() -> Path:
    """The folder of worlds, tokenizers and encoded corpora, which can be made again.

    Raises:
        InputError: the folder of runs cannot be written to.
    """
    folder = runs_folder() / ".cache"
    with report_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_name(name: str) -> str:
    """The name of a run, in parts joined by '/', after checking that it may become a folder.

    Raises:
        InputError: the name could leave the folder of runs, has too many parts, or is no plain name.
    """
    parts = name.split("/")
    if len(parts) > MOST_PARTS or not all(NAME.fullmatch(part) and ".." not in part for part in parts):
        raise InputError(
            f"expected a run name of letters, digits, '-', '_' and '.', in {MOST_PARTS} parts at most with '/' "
            f"between them, got {name!r}: choose another"
        )
    return name


def files_below(root: Path, *patterns: str) -> list[Path]:
    """The files that match a pattern, in no order; a folder that is removed meanwhile has none.

    `Path.glob` fails where a folder goes between its listing and its reading, which a process that writes may do at
    any moment. Hidden folders, such as partial ones, match only a pattern that begins with a point.
    """
    return [root / name for pattern in patterns for name in glob(pattern, root_dir=root)]


def modified(path: Path) -> float:
    """Time at which a file was written, by the clock of its file system; 0 where the file is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
