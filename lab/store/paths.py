"""Where runs live, and what they may be called."""

import os
import re
from pathlib import Path
from typing import Final

from core.errors import InputError
from lab.store.atomic import report_full_disk

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
MOST_PARTS: Final = 3
"""A run lies at most so deep in the folder of runs: that is where they are looked for."""


def runs_folder() -> Path:
    """Where runs live: `PARALLAX_RUNS`, or `runs` in the working folder.

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
    """What can be made again: worlds, tokenizers and encoded corpora.

    Raises:
        InputError: the folder of runs cannot be written to.
    """
    folder = runs_folder() / ".cache"
    with report_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_name(name: str) -> str:
    """A run's name, or the parts of one joined by '/', as it may become a folder.

    Raises:
        InputError: it could leave the folder of runs, lies too deep in it, or is no plain name.
    """
    parts = name.split("/")
    if len(parts) > MOST_PARTS or not all(NAME.fullmatch(part) and ".." not in part for part in parts):
        raise InputError(
            f"expected a run name of letters, digits, '-', '_' and '.', in {MOST_PARTS} parts at most with '/' "
            f"between them, got {name!r}: choose another"
        )
    return name
