"""The queue of jobs that wait to train; first come, first served, `PARALLAX_JOBS` at a time on a machine.

A ticket is a file beside a lock that its process holds for life; a ticket whose process is gone has no turn.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from core.config import Frozen
from core.errors import InputError
from core.locks import Lock, LocksUnsupported
from lab.store.atomic import replace
from lab.store.claim import read_status
from lab.store.owner import Owner, lives, this_process
from lab.store.paths import cache_folder, runs_folder
from lab.store.starter import Starter

VARIABLE: Final = "PARALLAX_JOBS"
POLL_SECONDS: Final = 0.25
FORGET_SECONDS: Final = 600
"""The ticket of a failed process stays so long, to say where the reason stands."""


class Ticket(Frozen):
    """A job that waits for its turn to train, or trains.

    Attributes:
        name: name of the run, which exists only once the job trains.
        asked: time at which the job queued up, in nanoseconds since 1970.
        state: "waits", or "trains" once the job has its turn.
        starter: who started the job.
        owner: process of the job.
        log: file that the process prints to, or empty.
    """

    name: str
    asked: int
    state: Literal["waits", "trains"]
    starter: Starter
    owner: Owner
    log: str = ""


class Left(InputError):
    """The ticket was taken out of the queue."""


def slots() -> int:
    """Number of runs that train at a time: `PARALLAX_JOBS`, or 1.

    Raises:
        InputError: the variable is no number from 1.
    """
    number = os.environ.get(VARIABLE, "1")
    if not number.isdecimal() or int(number) < 1:
        raise InputError(f"expected a number of runs from 1 in {VARIABLE}, got {number!r}")
    return int(number)


@contextmanager
def turn(name: str, starter: Starter, waits: Callable[[int], None] | None, log: str = "") -> Iterator[None]:
    """Waits for the turn of a new ticket, and holds the ticket while the block runs.

    Args:
        name: of the run that will train; empty where it has no name yet.
        starter: who starts it.
        waits: called with the number of earlier jobs whenever that changes; None takes the turn at once, whoever
            trains, as a command in a terminal does.
        log: file that this process prints to.

    Raises:
        InputError: another job has taken the name.
        Left: somebody took the ticket out of the queue.
    """
    path = _folder() / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
    ticket = Ticket(
        name=name,
        asked=int(path.name.partition("-")[0]),
        state="waits" if waits else "trains",
        starter=starter,
        owner=this_process(),
        log=log,
    )
    lock = Lock(_lock_of(path))
    _locked(lock)
    try:
        with _alone():
            if waits and any(queued.name == name for _, queued in _living()):
                raise InputError(f"a job of the name {name} is under way already: choose another --name")
            _write(path, ticket)
        if waits is not None:
            _wait(path, ticket, waits)
        yield
        path.unlink(missing_ok=True)
    finally:
        # after a failure the ticket stays for a while, to say where the reason stands
        lock.release(remove=not path.is_file())


def tickets() -> list[Ticket]:
    """Tickets whose processes live, oldest first."""
    return [ticket for _, ticket in _living()]


def failed_tickets() -> list[Ticket]:
    """Tickets whose processes ended with an error, for some minutes."""
    return [ticket for path, ticket in _read() if not _lives(path, ticket)]


def leave(name: str) -> None:
    """Takes the tickets of a name out of the queue; a process that waits with such a ticket ends."""
    for path, ticket in _read():
        if ticket.name == name and (ticket.state == "waits" or not _lives(path, ticket)):
            path.unlink(missing_ok=True)


def _wait(path: Path, ticket: Ticket, waits: Callable[[int], None]) -> None:
    before = -1
    while True:
        with _alone():
            if not path.is_file():
                raise Left(f"{ticket.name} was taken out of the queue")
            # other machines of a shared folder have cores of their own
            living = [(other_path, queued) for other_path, queued in _living() if queued.owner.is_here()]
            training = sum(queued.state == "trains" and not _paused(queued) for _, queued in living)
            earlier = sum(queued.state == "waits" and other_path < path for other_path, queued in living)
            if earlier + training < slots():
                _write(path, ticket.model_copy(update={"state": "trains"}))
                return
        if before != earlier + training:
            before = earlier + training
            waits(before)
        time.sleep(POLL_SECONDS)


def _paused(ticket: Ticket) -> bool:
    """Whether the run is paused and leaves the cores to others."""
    return bool(ticket.name) and read_status(runs_folder() / ticket.name).state == "paused"


def _folder() -> Path:
    folder = cache_folder() / "turns"
    folder.mkdir(exist_ok=True)
    return folder


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _write(path: Path, ticket: Ticket) -> None:
    replace(path, ticket.model_dump_json().encode())


def _read() -> list[tuple[Path, Ticket]]:
    entries: list[tuple[Path, Ticket]] = []
    for path in sorted(_folder().glob("[0-9]*.json")):
        try:
            ticket = Ticket.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            # taken out meanwhile, or of another version: it has no turn
            continue
        if time.time_ns() - ticket.asked > FORGET_SECONDS * 10**9 and not _lives(path, ticket):
            path.unlink(missing_ok=True)
            _lock_of(path).unlink(missing_ok=True)
        else:
            entries.append((path, ticket))
    return entries


def _living() -> list[tuple[Path, Ticket]]:
    return [(path, ticket) for path, ticket in _read() if _lives(path, ticket)]


def _lives(path: Path, ticket: Ticket) -> bool:
    return lives(ticket.owner, ticket.asked / 10**9, _lock_of(path))


@contextmanager
def _alone() -> Iterator[None]:
    """Locks the queue, so that one process at a time reads and changes it."""
    lock = Lock(_folder() / "lock")
    while not _locked(lock):
        time.sleep(0.01)
    try:
        yield
    finally:
        lock.release()


def _locked(lock: Lock) -> bool:
    try:
        return lock.acquire()
    except LocksUnsupported:
        # without locks two jobs may take a turn at once, which only makes both slower
        return True
