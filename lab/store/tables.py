"""Parquet tables that are written whole or not at all."""

from pathlib import Path
from typing import Literal

import pandas as pd

from core.errors import InputError
from core.files import whole_file
from lab.store.atomic import report_full_disk


def write_table(path: Path, table: pd.DataFrame, compression: Literal["snappy", "zstd"] = "snappy") -> None:
    """Replaces a table; creates its folder, but no folder above that."""
    with report_full_disk(path):
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as partial:
            table.to_parquet(partial, index=False, compression=compression)


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table in a file; an empty table with these columns where there is no file.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is damaged ({str(error).splitlines()[0]}): evaluate the run again"
        ) from error
