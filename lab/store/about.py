"""What a run says of itself: what it is (`run.json`) and how it stands (`status.json`)."""

import socket
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import psutil

from core.config import FORMAT_VERSION, Frozen, Settings

State = Literal["queued", "running", "paused", "finished", "stopped", "failed", "lost"]
Request = Literal["pause", "continue", "stop"]
ENDED: Final = ("finished", "stopped", "failed", "lost")


WORLD: Final = "world"
"""What stands in the place of a corpus folder where the built-in world writes the text."""


class RunInfo(Frozen):
    """`run.json`: what a run is, fixed when it starts.

    Attributes:
        corpus: its folder, or `WORLD`.
        corpus_from_runs: the same folder seen from the folder of runs, so that both can move together.
    """

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
    corpus_from_runs: str | None = None

    @property
    def written_by(self) -> str:
        """The version and commit of the lab that began the run."""
        commit = f", commit {self.commit[:9]}" if self.commit else ""
        return f"version {self.versions.get('parallax-lab', 'unknown')}{commit}"


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


def alive(status: Status) -> bool:
    """Whether the process that wrote the status runs; on another host, whether it was heard of in the last minutes."""
    if status.host != socket.gethostname():
        return time.time() - status.heartbeat < 300
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.process_started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
    git = Path(__file__).parents[2] / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        return (
            head
            if not head.startswith("ref: ")
            else (git / head.removeprefix("ref: ")).read_text(encoding="utf-8").strip()
        )
    except OSError:
        return None
