"""A run folder: settings, status, the claim to write into it, requests and checkpoints."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from core.config import STORED
from core.errors import InputError
from lab.store.atomic import replace, report_full_disk
from lab.store.checkpoints import Checkpoints
from lab.store.claim import Claim, read_status
from lab.store.owner import lives
from lab.store.paths import runs_folder
from lab.store.results import Results
from lab.store.run_info import ENDED, Request, RequestFile, RunInfo, State, Status
from lab.store.snapshots import Snapshots
from lab.store.steps import Steps, tail
from lab.store.versions import check_format, read_document, refusal, settings_then

T = TypeVar("T")
OWN_PARTIALS: Final = (
    ".run.json", ".status.json", ".steps.jsonl", ".held_out.parquet", ".checkpoint", "vectors/.sentences.parquet",
    "vectors/.step-*.safetensors",
)  # fmt: skip
"""Temporary names of files that only the process which has claimed the run writes."""


class Run(Steps, Snapshots, Results):
    """A run folder. Reading changes nothing; a single process at a time may write the files of training."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._claim, self._checkpoints = Claim(folder), Checkpoints(folder)

    @property
    def info(self) -> RunInfo:
        """The contents of `run.json`; settings that its version did not have get the values that applied then.

        Raises:
            InputError: `run.json` is missing, damaged or of another version.
        """
        what, path = f"run {self.name}", self.folder / "run.json"
        raw = read_document(what, path)
        check_format(what, raw)
        try:
            return RunInfo.model_validate(
                {**raw, "settings": settings_then(raw.get("settings"))}, context=STORED
            )
        except ValidationError as error:
            raise refusal(what, raw, error) from error

    def write_info(self, info: RunInfo) -> None:
        """Replaces `run.json`."""
        replace(self.folder / "run.json", info.model_dump_json(indent=1).encode())

    # the claim and the status

    def claim(self, take_over: bool = False, waits: Callable[[], None] = lambda: None) -> None:
        """Claims the run: only this process may write into it, until it releases the run or ends.

        Half-written files of a killed process are removed.

        Args:
            take_over: whether the process that has the run is known to be gone, although its lock is there.
            waits: called before this process watches for a minute whether the owner shows a sign of life.

        Raises:
            InputError: another process has the run.
        """
        status, lock = self.status, self.folder / "lock"
        of_older_version = status.state not in ENDED and not status.life and not lock.exists()
        with report_full_disk(lock):
            if of_older_version or not self._claim.acquire(take_over, waits):
                raise InputError(
                    f"run {self.name} is {self.status.state} in {self.status.owner.words()}: stop it first, or wait "
                    "until it has ended"
                )
        for pattern in OWN_PARTIALS:
            for leftover in self.folder.glob(f"{pattern}.*.partial"):
                leftover.unlink(missing_ok=True)

    def release(self) -> None:
        """Lets other processes claim the run."""
        self._claim.release()

    def check_claim(self) -> None:
        """Raises InputError where another process has taken the run over, or the folder of the run is gone."""
        if not self.folder.is_dir():
            raise InputError(
                f"run {self.name} has ended, because its folder {self.folder} is gone: start a new run"
            )
        if not self._claim.held:
            raise InputError(
                f"run {self.name} belongs to {read_status(self.folder).owner.words()} now: this process writes no more "
                "into it"
            )

    def move(self, folder: Path) -> None:
        """Follows the folder of the run after it was renamed."""
        self.folder, self._checkpoints = folder, Checkpoints(folder)
        self._claim.move(folder)

    @property
    def status(self) -> Status:
        """The status of the run; "lost" where its process is gone."""
        status = read_status(self.folder)
        while status.state not in ENDED and not lives(status.owner, status.heartbeat, self.folder / "lock"):
            # its process may have ended in good order since
            now = read_status(self.folder)
            if now == status:
                return status.model_copy(
                    update={"state": "lost", "message": "its process is gone; continue with --resume"}
                )
            status = now
        return status

    def write_status(self, state: State, step: int = 0, steps: int = 0, message: str = "") -> None:
        """Writes the state of the run with a heartbeat of this process."""
        self._claim.write_status(state, step, steps, message)

    # requests of other processes

    def send_request(self, request: Request) -> None:
        """Asks the process of the run to pause, continue or stop after its current step."""
        replace(self.folder / "request.json", RequestFile(request=request).model_dump_json().encode())

    @property
    def request(self) -> Request | None:
        """The last request, or None.

        Raises:
            InputError: the file holds no request.
        """
        path = self.folder / "request.json"
        try:
            return RequestFile.model_validate_json(path.read_bytes()).request
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{path} holds no request, such as {RequestFile(request='pause').model_dump_json()}: it is not obeyed"
            ) from error

    def clear_request(self) -> None:
        """Removes the last request."""
        (self.folder / "request.json").unlink(missing_ok=True)

    # logs and checkpoints

    @property
    def log_path(self) -> Path:
        return self.folder / "log.txt"

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the process of the run printed; empty for a run that is no job."""
        job = runs_folder() / ".cache" / f"{self.name.replace('/', '.')}.log"
        return tail(self.log_path if self.log_path.is_file() else job, lines)

    def checkpoint(self) -> Path | None:
        """The folder of the newest complete checkpoint, or None; a newer checkpoint may replace it at any time."""
        return self._checkpoints.newest()

    def read_checkpoint(self, read: Callable[[Path], T]) -> T:
        """Returns `read(folder)` for the newest checkpoint, which nobody removes meanwhile.

        Raises:
            InputError: the run has no checkpoint yet.
        """
        if self._checkpoints.newest() is None:
            raise InputError(
                f"run {self.name} has no checkpoint yet: let it train, or lower --measure.checkpoint-every"
            )
        return self._checkpoints.read(read)

    @contextmanager
    def new_checkpoint(self, step: int) -> Generator[Path]:
        """Yields a folder to write the checkpoint of a step into; it counts when the block ends without error."""
        self.flush_steps()
        with report_full_disk(self.folder / "checkpoints"), self._checkpoints.write(step) as folder:
            yield folder
