"""Stops a run in good order on a signal: Ctrl-C, the end of a batch job, or the notice before that end."""

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
"""Batch systems send SIGUSR1 some time before they end a job, as in `#SBATCH --signal=USR1@120`."""
SAME_SECONDS: Final = 1.0
"""Signals within so many seconds count as one, because a launcher and its process group both pass a signal on."""


class Interrupted(KeyboardInterrupt):
    """A signal has ended a run, which can continue from its checkpoint."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}; continue with --resume")

    @property
    def exit_code(self) -> int:
        """128 + the number of the signal, as in shells: 130 for SIGINT, 143 for SIGTERM, 138 for SIGUSR1."""
        return 128 + self.number


class Interruption:
    """Context manager in which a signal ends the process in good order; a second signal ends the process at once.

    Outside `finishing` a signal raises `Interrupted` where the program stands. Inside `finishing` its number is noted
    in `number`, and `Interrupted` is raised at the end of the block. Only the main thread can handle signals; entered
    from another thread the context changes nothing.

    Args:
        main: whether this process decides for all that train together; the others end at once, outside `finishing`.
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
            # None: Python cannot put back a handler that it did not install
            if handler is not None:
                signal.signal(number, handler)

    @contextmanager
    def finishing(self) -> Generator[None]:
        """Notes a signal during the block, and raises at the end of the block.

        Raises:
            Interrupted: a signal came during the block.
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
