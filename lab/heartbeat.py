"""Writes the status of a run once a second, from a thread that runs beside the main thread of training."""

import threading
from contextlib import suppress
from typing import Final

from core.errors import InputError
from lab.store import Run, State

HEARTBEAT_SECONDS: Final = 1.0


class Heartbeat:
    """Context manager that keeps the status of a run: a change of state is written at once, a step with the next beat.

    Args:
        run: claimed by this process.
        writes: whether this process writes; the other processes of a run do not.
    """

    def __init__(self, run: Run, writes: bool = True) -> None:
        self.run, self.step, self.steps = run, run.status.step, run.info.settings.steps
        self._writes, self._state, self._message = writes, "running", ""
        self._turn, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {run.name}", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self.tell("running")
        if self._writes:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def tell(self, state: State, message: str = "") -> None:
        """Writes the state of the run.

        Raises:
            InputError: the disk is full, the folder is gone, or another process has taken the run over.
        """
        if not self._writes:
            return
        with self._turn:
            self.run.check_claim()
            self._state, self._message = state, message
            self.run.write_status(state, self.step, self.steps, message)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # the main thread meets the same error with its next step, and reports it
            with suppress(InputError):
                self._repeat()

    def _repeat(self) -> None:
        with self._turn:
            self.run.check_claim()
            self.run.write_status(self._state, self.step, self.steps, self._message)
