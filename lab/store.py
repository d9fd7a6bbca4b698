"""The files of a run; no other module knows them. Whatever is written is written to a temporary name and renamed."""

import errno
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import psutil
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.config import FORMAT_VERSION, Frozen, Settings
from core.errors import InputError

State = Literal["queued", "running", "paused", "finished", "stopped", "failed", "lost"]
Request = Literal["pause", "continue", "stop"]
ENDED: Final = ("finished", "stopped", "failed", "lost")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
SCORE_COLUMNS: Final = ("task", "layer", "source", "target", "metric", "value", "low", "high", "unit", "n")


class RunInfo(Frozen):
    """`run.json`: what a run is, fixed when it starts."""

    format: int = FORMAT_VERSION
    name: str
    created: datetime
    settings: Settings
    corpus: str
    corpus_hash: str
    languages: tuple[str, ...]
    device: str
    commit: str | None
    versions: dict[str, str]
    entropy_nats: float | None = None


class Status(Frozen):
    """`status.json`: how a run stands; replaced as a whole at every heartbeat."""

    state: State
    step: int = 0
    steps: int = 0
    message: str = ""
    pid: int = 0
    process_started: float = 0.0
    host: str = ""
    heartbeat: float = 0.0


class StorageFull(InputError):
    """No room to write; what was complete before is still there."""


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


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Turns a full disk into one line that says what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full and not re.search(r"No space left|File too large|os error (28|27|122)", str(error)):
            raise
        raise StorageFull(f"no room to write {path}: free some space, then continue with --resume") from error


def replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with room(path):
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


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
            return RunInfo.model_validate(raw)
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
        if status.state not in ENDED and not _alive(status):
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
        table = pd.concat(
            [part for part in (others[others["task"] != task], scores) if len(part)], ignore_index=True
        )
        self._write_table(self.folder / "scores.parquet", table[list(SCORE_COLUMNS)])

    def scores(self) -> pd.DataFrame:
        """Tidy results: task, layer, source, target, metric, value, low, high, unit, n."""
        return self._read_table(self.folder / "scores.parquet", SCORE_COLUMNS)

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


def _alive(status: Status) -> bool:
    """Whether the process that wrote the status runs; on another host, whether it was heard of in the last minutes."""
    if status.host != socket.gethostname():
        return time.time() - status.heartbeat < 300
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.process_started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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


def describe(
    name: str, settings: Settings, corpus: str, corpus_hash: str, languages: tuple[str, ...], device: str
) -> RunInfo:
    """What `run.json` will say of a run that starts now."""
    packages = ("parallax-lab", "torch", "transformers", "tokenizers", "accelerate", "numpy")
    return RunInfo(
        name=name,
        created=datetime.now(UTC),
        settings=settings,
        corpus=corpus,
        corpus_hash=corpus_hash,
        languages=languages,
        device=device,
        commit=_commit(),
        versions={package: version(package) for package in packages},
    )


def _commit() -> str | None:
    """The commit of a checkout, read without git."""
    git = Path(__file__).parent.parent / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        return (
            head
            if not head.startswith("ref: ")
            else (git / head.removeprefix("ref: ")).read_text(encoding="utf-8").strip()
        )
    except OSError:
        return None
