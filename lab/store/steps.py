"""`steps.jsonl` and the log, which grow while a run trains."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import InputError
from core.files import flush
from lab.store.atomic import replace, report_full_disk


class Steps:
    """The step records in a run folder."""

    folder: Path

    def append_step(self, record: dict[str, Any]) -> None:
        """Adds a line to `steps.jsonl`."""
        path = self.folder / "steps.jsonl"
        with report_full_disk(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def flush_steps(self) -> None:
        """Waits until all records are on the disk, as they must be before a checkpoint counts."""
        if (self.folder / "steps.jsonl").is_file():
            flush(self.folder / "steps.jsonl")

    def drop_steps_after(self, last: int) -> None:
        """Drops the records after step `last`, which a resumed run writes again.

        Raises:
            InputError: a line is no record.
        """
        records = [record for record in self._records() if record["step"] <= last]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        replace(self.folder / "steps.jsonl", lines.encode())

    def steps(self) -> pd.DataFrame:
        """The step records, one row per step: step, elapsed, tokens, and per task loss, bound and ceiling in nats.

        A last line that a kill has cut short is left out.

        Raises:
            InputError: a line is no record.
        """
        return pd.json_normalize(self._records(), sep=".")

    def _records(self) -> list[dict[str, Any]]:
        path = self.folder / "steps.jsonl"
        content = path.read_bytes() if path.is_file() else b""
        records, bad = whole_records(content)
        if bad is not None and (line := content.splitlines(keepends=True)[bad]).endswith(b"\n"):
            raise InputError(
                f"{path}, line {bad + 1}: expected the record of a step, got {line[:60]!r}: delete that line"
            )
        return records


class StepLog:
    """Reads `steps.jsonl` while it grows; each call reads only the new lines, so a page can follow a long run."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._file, self._offset, self._table = 0, 0, pd.DataFrame({"step": []})

    def read(self) -> pd.DataFrame:
        """All records so far, as in `Run.steps`; an unfinished line is read the next time."""
        with self._lock:
            if not self.path.is_file():
                return self._table.iloc[:0]
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                # a resumed run replaces the file, which gives it another number
                if stat.st_ino != self._file or stat.st_size < self._offset:
                    self._file, self._offset, self._table = stat.st_ino, 0, pd.DataFrame({"step": []})
                file.seek(self._offset)
                added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            # a page shows the records before a damaged line; `Run.steps` says which line that is
            records, _ = whole_records(whole)
            self._offset += len(whole)
            if records:
                parts = [table for table in (self._table, pd.json_normalize(records, sep=".")) if len(table)]
                self._table = pd.concat(parts, ignore_index=True)
            return self._table


def whole_records(content: bytes) -> tuple[list[dict[str, Any]], int | None]:
    """The records of JSON lines up to the first damaged line, and the number of that line from 0, or None."""
    records: list[dict[str, Any]] = []
    for number, line in enumerate(content.splitlines()):
        if line.strip():
            try:
                record = json.loads(line)
            except ValueError:
                return records, number
            if not isinstance(record, dict) or not isinstance(record.get("step"), int):
                return records, number
            records.append(record)
    return records, None


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; empty where there is no log."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        text = file.read().decode("utf-8", errors="replace")
    # a progress bar overwrites its line: its last state counts
    return "\n".join([line.rsplit("\r", 1)[-1] for line in text.splitlines() if line.strip()][-lines:])
