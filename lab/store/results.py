"""The results of a run: scores, errors, derived tables, and documents such as the ledger."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import pandas as pd

from core.errors import InputError
from lab.store.atomic import replace
from lab.store.paths import check_name
from lab.store.tables import read_table, write_table

SCORE_COLUMNS: Final = (
    "task", "layer", "source", "target", "metric", "value", "low", "high", "unit", "n", "pool", "chance", "measure",
)  # fmt: skip


class Results:
    """The results in a run folder."""

    folder: Path

    def write_scores(self, task: str, scores: pd.DataFrame) -> None:
        """Replaces the scores of one task."""
        others = self.scores()
        parts = [part for part in (others[others["task"] != task], scores) if len(part)]
        table = pd.concat(parts or [scores], ignore_index=True)
        write_table(self.folder / "scores.parquet", table.reindex(columns=list(SCORE_COLUMNS)))

    def scores(self) -> pd.DataFrame:
        """Tidy results with columns `SCORE_COLUMNS`; only retrieval has pool, chance and measure."""
        table = read_table(self.folder / "scores.parquet", SCORE_COLUMNS)
        return table.reindex(columns=list(SCORE_COLUMNS))

    def copy_results(self, folder: Path) -> None:
        """Copies `run.json` and `scores.parquet` into another folder."""
        for name in ("run.json", "scores.parquet"):
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)

    def write_errors(self, table: pd.DataFrame) -> None:
        """Replaces the wrong matches of the last evaluation."""
        write_table(self.folder / "errors.parquet", table)

    def errors(self) -> pd.DataFrame:
        """Wrong matches: source, target, query, found, expected, margin."""
        return read_table(
            self.folder / "errors.parquet", ("source", "target", "query", "found", "expected", "margin")
        )

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Writes a derived table, such as a projection of a snapshot, which can be made again."""
        write_table(self.folder / "vectors" / f"{check_name(name)}.parquet", table)

    def table(self, name: str) -> pd.DataFrame | None:
        """The table that `write_table` wrote under this name, or None."""
        path = self.folder / "vectors" / f"{check_name(name)}.parquet"
        return read_table(path, ()) if path.is_file() else None

    def write_document(self, name: str, document: dict[str, Any]) -> None:
        """Writes a result that is no table, such as the ledger, as `NAME.json`."""
        replace(self.folder / f"{check_name(name)}.json", json.dumps(document, ensure_ascii=False).encode())

    def document(self, name: str) -> dict[str, Any] | None:
        """The document that `write_document` wrote under this name, or None.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / f"{check_name(name)}.json"
        try:
            return json.loads(path.read_bytes()) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is damaged ({error}): delete it and measure again") from error
