"""The right of one process to write into a run: a lock, or a lease where the file system has no locks."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from core.files import beside
from core.locks import Lock, LocksUnsupported
from lab.store import owner as owners
from lab.store.atomic import replace
from lab.store.owner import this_process
from lab.store.run_info import ENDED, State, Status

POLL_SECONDS: Final = 0.25
SETTLE_SECONDS: Final = 2.0
"""Without locks, a process waits so long to see whether another process claims the same run just after it."""


class Claim:
    """The right to write into a run folder; `status.json` holds the number of the claim that wrote it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.life = folder, uuid.uuid4().hex
        self._lock, self._leased = Lock(folder / "lock"), False

    def acquire(self, take_over: bool = False, waits: Callable[[], None] = lambda: None) -> bool:
        """Claims the run and returns whether it belongs to this process now.

        A lock that another process holds is respected except in two cases: with `take_over`, and for a batch job that
        was put back into its queue, because the batch system has ended its former process. In both cases the owner
        must be no process of this machine, and send no heartbeat for `LEASE_SECONDS` by this process's clock. Without
        locks every owner that has not ended must send none for so long.

        Args:
            take_over: whether the user knows that the owner is gone, although its lock is there.
            waits: called before this process watches the owner.
        """
        try:
            return self._lock.acquire() or (self._owner_is_gone(take_over, waits) and self._replace_lock())
        except LocksUnsupported:
            self._lock.path.unlink(missing_ok=True)
            self._leased = self._leased or self._lease(waits)
            return self._leased

    @property
    def held(self) -> bool:
        """Whether this process may still write: no other process has taken the run over or removed its folder."""
        return self._lock.held or (self._leased and read_status(self.folder).life == self.life)

    def release(self) -> None:
        """Gives the run back."""
        self._lock.release()
        self._leased = False

    def move(self, folder: Path) -> None:
        """Follows the run folder after it was renamed."""
        self.folder, self._lock.path = folder, folder / "lock"

    def write_status(self, state: State, step: int, steps: int, message: str) -> None:
        """Writes the state of the run with a heartbeat of this process."""
        status = Status(
            state=state,
            step=step,
            steps=steps,
            message=message,
            owner=this_process(),
            heartbeat=time.time(),
            life=self.life,
        )
        replace(self.folder / "status.json", status.model_dump_json().encode())

    def _owner_is_gone(self, take_over: bool, waits: Callable[[], None]) -> bool:
        owner = read_status(self.folder).owner
        if owner.runs_here() or not (take_over or owner.ended_by_scheduler()):
            return False
        waits()
        return self._silent()

    def _silent(self) -> bool:
        """Whether no heartbeat comes for `LEASE_SECONDS`, or until the lock is free."""
        heartbeat = read_status(self.folder).heartbeat
        until = time.monotonic() + owners.LEASE_SECONDS
        while time.monotonic() < until and not self._lock_came_free():
            time.sleep(POLL_SECONDS)
            if read_status(self.folder).heartbeat != heartbeat:
                return False
        return True

    def _lock_came_free(self) -> bool:
        try:
            return self._lock.acquire()
        except LocksUnsupported:
            return False

    def _replace_lock(self) -> bool:
        """Replaces the owner's lock by a lock of this process; the owner notices at its next step."""
        if self._lock.held:
            return True
        lock = Lock(beside(self._lock.path))
        lock.acquire()
        os.replace(lock.path, self._lock.path)
        lock.path, self._lock = self._lock.path, lock
        return True

    def _lease(self, waits: Callable[[], None]) -> bool:
        before = read_status(self.folder)
        if before.state not in ENDED:
            ended = before.owner.is_here() and not before.owner.runs_here()
            if before.owner.runs_here():
                return False
            if not ended:
                waits()
                if not self._silent():
                    return False
        self.write_status("queued", before.step, before.steps, before.message)
        if before.life:
            time.sleep(SETTLE_SECONDS)
        return read_status(self.folder).life == self.life


def read_status(folder: Path) -> Status:
    """The status in `status.json`; "lost" where the file cannot be read."""
    try:
        return Status.model_validate_json((folder / "status.json").read_bytes())
    except (OSError, ValidationError):
        return Status(state="lost", message="its status cannot be read")
