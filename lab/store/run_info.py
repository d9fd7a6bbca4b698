"""What a run says of itself: what it is (`run.json`) and how it stands (`status.json`)."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import model_validator

from core.config import FORMAT_VERSION, Frozen, Settings, StoredSettings
from lab.store.owner import Owner
from lab.store.starter import Starter, starter_of_process
from lab.store.versions import written_by

State = Literal["queued", "running", "paused", "finished", "stopped", "failed", "lost"]
Request = Literal["pause", "continue", "stop"]
ENDED: Final = ("finished", "stopped", "failed", "lost")


WORLD: Final = "world"
"""What stands in the place of a corpus folder where the built-in world writes the text."""


class Asked(Frozen):
    """`request.json`: what one process asks of the one that trains."""

    request: Request


class RunInfo(Frozen):
    """`run.json`: what a run is, fixed when it starts.

    Attributes:
        corpus: its folder, or `WORLD`.
        corpus_from_runs: the same folder seen from the folder of runs, so that both can move together.
        starter: who started it from a page; empty for a command.
        threads: that it computes with on the CPU, in each process; None on a GPU, and in runs of older versions.
    """

    format: int = FORMAT_VERSION
    name: str
    created: datetime
    settings: StoredSettings
    corpus: str
    corpus_hash: str
    languages: tuple[str, ...]
    device: str
    commit: str | None
    versions: dict[str, str]
    entropy_nats: float | None = None
    corpus_from_runs: str | None = None
    threads: int | None = None
    starter: Starter = Starter()

    @property
    def written_by(self) -> str:
        """The version and commit of the lab that began the run."""
        return written_by(self.versions, self.commit)


class Status(Frozen):
    """`status.json`: how a run stands; replaced as a whole at every heartbeat.

    Attributes:
        owner: the process that wrote it.
        heartbeat: when, in seconds since 1970 by the clock of its machine.
        life: number of the claim under which it was written; every process that claims a run has another one.
    """

    state: State
    step: int = 0
    steps: int = 0
    message: str = ""
    owner: Owner = Owner()
    heartbeat: float = 0.0
    life: str = ""

    @property
    def pid(self) -> int:
        """Number of the process that wrote it, on its machine."""
        return self.owner.pid

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_version(cls, values: Any) -> Any:
        if isinstance(values, dict) and "process_started" in values:
            values = dict(values)
            del values["process_started"]
            values["owner"] = {"pid": values.pop("pid", 0), "host": values.pop("host", "")}
        return values


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
        starter=starter_of_process(),
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
