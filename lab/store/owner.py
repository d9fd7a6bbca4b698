"""The process that writes into a run, and whether it lives: by its lock, or by a clock where there are no locks."""

import os
import socket
import time
from pathlib import Path
from typing import Final

import psutil

from core.config import Frozen
from core.locks import lock_state

LEASE_SECONDS: Final = 60.0
"""Without locks a process on another machine counts as gone after so long without a heartbeat."""
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
JOBS: Final = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
"""Environment variables in which batch systems give the number of the job."""


class Owner(Frozen):
    """A process on some machine.

    Attributes:
        host: name of the machine.
        boot: number of the machine's current boot; empty where the system has none.
        pid: number of the process.
        started: seconds from the boot of the machine to the start of the process, which no change of the clock moves.
        job: number of the batch job, or empty.
        restarts: how often the batch system had put the job back into its queue.
    """

    host: str = ""
    boot: str = ""
    pid: int = 0
    started: float = 0.0
    job: str = ""
    restarts: int = 0

    def words(self) -> str:
        """The process in words, such as `process 17 on node3 (job 41)`."""
        return f"process {self.pid} on {self.host}" + (f" (job {self.job})" if self.job else "")

    def is_here(self) -> bool:
        """Whether the process belongs to the current boot of this machine, so that it can be looked up."""
        return bool(self.host) and (self.host, self.boot) == (socket.gethostname(), _boot())

    def runs_here(self) -> bool:
        """Whether the process belongs to this machine and lives."""
        if not self.is_here():
            return False
        try:
            process = psutil.Process(self.pid)
            # seconds, because the start of the machine is known to the second
            same = abs(_started(process) - self.started) < 2.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def ended_by_scheduler(self) -> bool:
        """Whether the batch system has put this process's job back into its queue since, and so ended the owner."""
        now = this_process()
        return bool(self.job) and self.job == now.job and self.restarts < now.restarts


def this_process() -> Owner:
    """This process as an owner."""
    restarts = os.environ.get("SLURM_RESTART_COUNT", "")
    return Owner(
        host=socket.gethostname(),
        boot=_boot(),
        pid=os.getpid(),
        started=_started(psutil.Process()),
        job=next((os.environ[name] for name in JOBS if os.environ.get(name)), ""),
        restarts=int(restarts) if restarts.isdigit() else 0,
    )


def lives(owner: Owner, heartbeat: float, lock: Path) -> bool:
    """Whether the process that owns a run lives.

    Where the file system has no locks, or an older version began the run, a process of this machine is looked up, and
    a process of another machine lives if its last heartbeat is no older than `LEASE_SECONDS`.
    """
    state = lock_state(lock)
    if state != "unknown":
        return state == "held"
    if owner.is_here():
        return owner.runs_here()
    return abs(time.time() - heartbeat) < LEASE_SECONDS


def _boot() -> str:
    return BOOT.read_text(encoding="ascii").strip() if BOOT.is_file() else ""


def _started(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()
