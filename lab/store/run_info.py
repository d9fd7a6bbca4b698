"""The contents of `run.json`, `status.json` and `request.json`."""

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
"""Stands in the place of a corpus folder where the built-in world writes the text."""


class RequestFile(Frozen):
    """`request.json`: a request to the process that trains."""

    request: Request


class RunInfo(Frozen):
    """`run.json`: settings, text and versions of a run, fixed when it starts.

    Attributes:
        corpus: folder of the corpus, or `WORLD`.
        corpus_from_runs: path of the same folder from the folder of runs, so that both can move together.
        starter: who started the run from a page; empty for a command.
        threads: threads of each process on the CPU; None on a GPU, and in runs of older versions.
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
    """`status.json`: state of a run, replaced as a whole at every heartbeat.

    Attributes:
        owner: the process that wrote the file.
        heartbeat: time of writing, in seconds since 1970 by the clock of that machine.
        life: number of the claim under which the file was written; every claim has another number.
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
        """Number of the process that wrote the file, on its machine."""
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
    """The contents of `run.json` for a run that starts now."""
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
