"""`steps.jsonl` and the log: files that grow while a run trains."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd


class StepLog:
    """`steps.jsonl` as it grows: each look reads only what was added, so that a page can follow a long run."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._file, self._offset, self._table = 0, 0, pd.DataFrame({"step": []})

    def read(self) -> pd.DataFrame:
        """All records so far, as `Run.steps` gives them; a line that is still being written comes next time."""
        with self._lock:
            if not self.path.is_file():
                return self._table.iloc[:0]
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                # a resumed run replaces the file, which gives it another number
                if found.st_ino != self._file or found.st_size < self._offset:
                    self._file, self._offset, self._table = found.st_ino, 0, pd.DataFrame({"step": []})
                file.seek(self._offset)
                added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            records: list[dict[str, Any]] = []
            for line in whole.splitlines():
                try:
                    records.append(json.loads(line))
                except json.JSONDecodeError:
                    # damaged: what follows is not to be trusted, `keep_steps` drops it on resuming
                    break
            self._offset += len(whole)
            if records:
                parts = [table for table in (self._table, pd.json_normalize(records, sep=".")) if len(table)]
                self._table = pd.concat(parts, ignore_index=True)
            return self._table


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; empty when there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        text = file.read().decode("utf-8", errors="replace")
    # a progress bar overwrites its line: what stood there last is what counts
    return "\n".join([line.rsplit("\r", 1)[-1] for line in text.splitlines() if line.strip()][-lines:])
