"""A run folder: every file of a run is read and written here. A new version replaces an old one by renaming."""

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import psutil
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.config import FORMAT_VERSION, STORED
from core.errors import InputError
from lab.store.about import ENDED, Request, RunInfo, State, Status, alive
from lab.store.places import check_name, runs_folder
from lab.store.steps import tail
from lab.store.writing import replace, room

SCORE_COLUMNS: Final = (
    "task", "layer", "source", "target", "metric", "value", "low", "high", "unit", "n", "pool", "chance", "measure",
)  # fmt: skip


class Run:
    """A run folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    @property
    def info(self) -> RunInfo:
        """What the run is.

        Raises:
            InputError: `run.json` is missing, damaged or of another version.
        """
        path = self.folder / "run.json"
        try:
            raw: dict[str, Any] = json.loads(path.read_bytes())
            if raw.get("format") != FORMAT_VERSION:
                raise InputError(
                    f"run {self.name} has format {raw.get('format')}, this version reads {FORMAT_VERSION}: "
                    "open it with the version that wrote it"
                )
            return RunInfo.model_validate(raw, context=STORED)
        except (OSError, json.JSONDecodeError, AttributeError, ValidationError) as error:
            raise InputError(
                f"run {self.name} is half written or damaged ({path}): delete its folder"
            ) from error

    @property
    def status(self) -> Status:
        """How the run stands; a run whose process is gone is lost."""
        try:
            status = Status.model_validate_json((self.folder / "status.json").read_bytes())
        except (OSError, ValidationError):
            return Status(state="lost", message="its status cannot be read")
        if status.state not in ENDED and not alive(status):
            return status.model_copy(
                update={"state": "lost", "message": "its process is gone; continue with --resume"}
            )
        return status

    def write_status(self, state: State, step: int = 0, steps: int = 0, message: str = "") -> None:
        """A heartbeat of this process."""
        status = Status(
            state=state,
            step=step,
            steps=steps,
            message=message,
            pid=os.getpid(),
            process_started=psutil.Process().create_time(),
            host=socket.gethostname(),
            heartbeat=time.time(),
        )
        replace(self.folder / "status.json", status.model_dump_json().encode())

    # what one process asks of another

    def ask(self, request: Request) -> None:
        """Asks the process of the run to pause, continue or stop after its current step."""
        replace(self.folder / "request.json", json.dumps({"request": request}).encode())

    @property
    def request(self) -> Request | None:
        """What was asked last."""
        try:
            return json.loads((self.folder / "request.json").read_bytes())["request"]
        except (OSError, json.JSONDecodeError, KeyError):
            return None

    def clear_request(self) -> None:
        (self.folder / "request.json").unlink(missing_ok=True)

    # what is recorded while it trains

    def append_step(self, record: dict[str, Any]) -> None:
        """Adds a line to `steps.jsonl`."""
        path = self.folder / "steps.jsonl"
        with room(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def keep_steps(self, last: int) -> None:
        """Drops what was recorded after step `last`: a resumed run writes those steps again."""
        kept = [record for record in self._records() if record["step"] <= last]
        replace(self.folder / "steps.jsonl", "".join(json.dumps(record) + "\n" for record in kept).encode())
        for path in (self.folder / "vectors").glob("step-*.safetensors"):
            if _step_of(path) > last:
                path.unlink()

    def _records(self) -> list[dict[str, Any]]:
        path = self.folder / "steps.jsonl"
        if not path.is_file():
            return []
        records: list[dict[str, Any]] = []
        for line in path.read_bytes().split(b"\n"):
            if line.strip():
                try:
                    records.append(json.loads(line))
                except json.JSONDecodeError:
                    # a line cut short by a kill: everything from here on is written again
                    break
        return records

    def steps(self) -> pd.DataFrame:
        """The step records, one row per step: step, elapsed, tokens, and per task loss, bound and ceiling in nats."""
        return pd.json_normalize(self._records(), sep=".")

    # snapshots of sentence vectors

    def write_sentences(self, table: pd.DataFrame) -> None:
        """The held-out sentences that snapshots hold vectors of: columns meaning, language, text."""
        self._folder("vectors")
        self._write_table(self.folder / "vectors" / "sentences.parquet", table)

    def sentences(self) -> pd.DataFrame:
        """Rows in the order of the vectors of every snapshot."""
        return self._read_table(
            self.folder / "vectors" / "sentences.parquet", ("meaning", "language", "text")
        )

    def write_held_out(self, table: pd.DataFrame) -> None:
        """All sentences that the run does not train on: columns meaning, language, text."""
        self._write_table(self.folder / "held_out.parquet", table)

    def held_out(self) -> pd.DataFrame:
        """What evaluation reads: one sentence per meaning and language."""
        return self._read_table(self.folder / "held_out.parquet", ("meaning", "language", "text"))

    def write_snapshot(self, step: int, layers: dict[int, np.ndarray]) -> None:
        """Sentence vectors by layer, [sentences, hidden]; kept in float16."""
        self._folder("vectors")
        path = self._snapshot_path(step)
        partial = path.with_suffix(".partial")
        with room(path):
            try:
                save_file(
                    {f"layer.{layer}": each.astype(np.float16) for layer, each in layers.items()}, partial
                )
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def snapshots(self) -> list[int]:
        """Steps with a snapshot, in order."""
        return sorted(_step_of(path) for path in (self.folder / "vectors").glob("step-*.safetensors"))

    def snapshot_times(self) -> tuple[tuple[int, int], ...]:
        """Steps with a snapshot and when each was written, in ns: a key for what is computed from them."""
        return tuple((step, self._snapshot_path(step).stat().st_mtime_ns) for step in self.snapshots())

    def snapshot(self, step: int) -> dict[int, np.ndarray]:
        """Sentence vectors of a step by layer, float32."""
        try:
            tensors = load_file(self._snapshot_path(step))
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(
                f"run {self.name} has no readable snapshot of step {step} ({error}): delete that file"
            ) from error
        found = {
            int(name.removeprefix("layer.")): tensor.astype(np.float32) for name, tensor in tensors.items()
        }
        return dict(sorted(found.items()))

    def _snapshot_path(self, step: int) -> Path:
        return self.folder / "vectors" / f"step-{step:08d}.safetensors"

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the process of the run printed; empty when it was not started as a job."""
        job = runs_folder() / ".cache" / f"{self.name.replace('/', '.')}.log"
        return tail(self.log_path if self.log_path.is_file() else job, lines)

    # results

    def write_scores(self, task: str, scores: pd.DataFrame) -> None:
        """Replaces the scores of one task."""
        others = self.scores()
        parts = [part for part in (others[others["task"] != task], scores) if len(part)]
        table = pd.concat(parts or [scores], ignore_index=True)
        self._write_table(self.folder / "scores.parquet", table.reindex(columns=list(SCORE_COLUMNS)))

    def scores(self) -> pd.DataFrame:
        """Tidy results: columns `SCORE_COLUMNS`; pool, chance and measure are those of retrieval."""
        table = self._read_table(self.folder / "scores.parquet", SCORE_COLUMNS)
        return table.reindex(columns=list(SCORE_COLUMNS))

    def copy_results(self, folder: Path) -> None:
        """Copies what the run is and how it scored into another folder: `run.json` and `scores.parquet`."""
        for name in ("run.json", "scores.parquet"):
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)

    def write_errors(self, table: pd.DataFrame) -> None:
        """The wrong matches of the last evaluation."""
        self._write_table(self.folder / "errors.parquet", table)

    def errors(self) -> pd.DataFrame:
        """Wrong matches: source, target, query, found, expected, margin."""
        return self._read_table(
            self.folder / "errors.parquet", ("source", "target", "query", "found", "expected", "margin")
        )

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """A derived table, such as a projection of a snapshot, that can be made again."""
        self._folder("vectors")
        self._write_table(self.folder / "vectors" / f"{check_name(name)}.parquet", table)

    def table(self, name: str) -> pd.DataFrame | None:
        """What `write_table` kept under this name, or None."""
        path = self.folder / "vectors" / f"{check_name(name)}.parquet"
        return self._read_table(path, ()) if path.is_file() else None

    def write_document(self, name: str, document: dict[str, Any]) -> None:
        """A result that is no table, such as the ledger, under `NAME.json`."""
        replace(self.folder / f"{check_name(name)}.json", json.dumps(document, ensure_ascii=False).encode())

    def document(self, name: str) -> dict[str, Any] | None:
        """What `write_document` kept under this name, or None.

        Raises:
            InputError: it is damaged.
        """
        path = self.folder / f"{check_name(name)}.json"
        try:
            return json.loads(path.read_bytes()) if path.is_file() else None
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is damaged ({error}): delete it and measure again") from error

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _write_table(self, path: Path, table: pd.DataFrame) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with room(path):
            try:
                table.to_parquet(partial, index=False)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def _read_table(self, path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
        if not path.is_file():
            return pd.DataFrame(columns=list(columns))
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} is damaged ({str(error).splitlines()[0]}): evaluate the run again"
            ) from error

    # checkpoint: `checkpoint` is whole whenever it exists; a swap leaves the old one as `checkpoint.old` for a moment

    @property
    def tokenizer_path(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    def checkpoint(self) -> Path | None:
        """The folder of the last complete checkpoint, or None; mends a swap that a kill interrupted."""
        current, old = self.folder / "checkpoint", self.folder / "checkpoint.old"
        if not current.exists() and old.exists():
            old.rename(current)
        return current if current.exists() else None

    @contextmanager
    def new_checkpoint(self) -> Iterator[Path]:
        """A folder to write a checkpoint into; it takes the old one's place when the block ends without error."""
        current, old, new = (
            self.folder / name for name in ("checkpoint", "checkpoint.old", "checkpoint.new")
        )
        self.checkpoint()
        shutil.rmtree(new, ignore_errors=True)
        with room(new):
            try:
                new.mkdir()
                yield new
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
        shutil.rmtree(old, ignore_errors=True)
        if current.exists():
            current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
