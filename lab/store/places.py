"""Where runs live, and what they may be called."""

import os
import re
from pathlib import Path
from typing import Final

from core.errors import InputError

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


def runs_folder() -> Path:
    """Where runs live: `PARALLAX_RUNS`, or `runs` in the working folder."""
    return Path(os.environ.get("PARALLAX_RUNS", "runs"))


def cache_folder() -> Path:
    """What can be made again: worlds, tokenizers and encoded corpora."""
    folder = runs_folder() / ".cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_name(name: str) -> str:
    """A run's name, or the parts of one joined by '/', as it may become a folder.

    Raises:
        InputError: it could leave the folder of runs, or is no plain name.
    """
    if not all(NAME.fullmatch(part) and ".." not in part for part in name.split("/")):
        raise InputError(
            f"expected a run name of letters, digits, '-', '_' and '.', got {name!r}: choose another"
        )
    return name
