"""How a run stands, told once a second from a thread: from its first second, whatever its main thread is busy with."""

import threading
from contextlib import suppress
from typing import Final

from core.errors import InputError
from lab.store import Run, State

HEARTBEAT_SECONDS: Final = 1.0


class Heartbeat:
    """Keeps the status of a run while it is entered: a change of state at once, a step with the next beat.

    Args:
        run: claimed by this process.
        writes: whether this is the process that writes; the others of a run keep still.
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
        """Writes how the run stands.

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
            # the main thread meets the same hindrance with its next step, and says so
            with suppress(InputError):
                self._repeat()

    def _repeat(self) -> None:
        with self._turn:
            self.run.check_claim()
            self.run.write_status(self._state, self.step, self.steps, self._message)
