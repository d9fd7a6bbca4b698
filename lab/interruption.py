"""Signals as a wish to stop: Ctrl-C, the end of a batch job, and the notice that comes before it."""

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)
"""SIGUSR1 is what batch systems send ahead of time, as in `#SBATCH --signal=USR1@120`."""
SAME_SECONDS: Final = 1.0
"""Signals that follow the first so closely are the same one: a launcher and its process group both pass it on."""


class Interrupted(KeyboardInterrupt):
    """A signal has ended a run, which can go on from where it stopped."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}; continue with --resume")

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as shells count: 130 for SIGINT, 143 for SIGTERM, 138 for SIGUSR1."""
        return 128 + self.number


class Interruption:
    """While it is entered, signals end the process in good order; a second signal ends it at once.

    Outside of `finishing` a signal raises `Interrupted` where the program stands. Inside it is noted in `number`, and
    raised at the end. Threads other than the main one cannot receive signals, and leave them as they are.

    Args:
        main: this process decides for all that train together; the others end at once, unless they finish a step.
    """

    def __init__(self, main: bool = True) -> None:
        self.number: int | None = None
        self._main, self._finishing, self._since = main, False, 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not installed by Python cannot be put back by it
            if handler is not None:
                signal.signal(number, handler)

    @contextmanager
    def finishing(self) -> Generator[None]:
        """Notes a signal instead of raising; raises when the block has ended without an error.

        Raises:
            Interrupted: a signal came meanwhile.
        """
        self._finishing = True
        try:
            yield
        finally:
            self._finishing = False
        if self.number is not None:
            raise Interrupted(self.number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            if time.monotonic() - self._since > SAME_SECONDS:
                _end_by(number)
            return
        self.number, self._since = number, time.monotonic()
        if not self._finishing:
            if not self._main:
                _end_by(number)
            raise Interrupted(number)


def _end_by(number: int) -> None:
    """Ends this process as the signal would have without a handler."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
