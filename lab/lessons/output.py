"""Words in a notebook: sentences with numbers, and one line that says how far long work is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import Markdown, Pretty, display

from core.progress import Progress

SECONDS_BETWEEN = 0.5
"""Between two updates of the line: a notebook that is redrawn more often takes time from what it shows."""


def say(*sentences: str) -> None:
    """Shows sentences as Markdown, one paragraph each; outside a notebook it prints them."""
    for sentence in sentences:
        if InteractiveShell.initialized():
            display(Markdown(sentence))
        else:
            print(sentence)


@contextmanager
def progress_line(name: str) -> Iterator[Progress]:
    """One line that follows long work: call what it gives with a phase, how much is done, and how much there is.

    Outside a notebook it shows nothing.
    """
    handle: Any = display(Pretty(name), display_id=True) if InteractiveShell.initialized() else None
    began = shown = time.monotonic()
    phase_began: dict[str, float] = {}

    def tell(phase: str, done: float, total: float) -> None:
        nonlocal shown
        now = time.monotonic()
        begun = phase_began.setdefault(phase, now)
        if handle is None or now - shown < SECONDS_BETWEEN:
            return
        shown = now
        left = (now - begun) * (total - done) / done if done else 0.0
        remaining = f", {left:.0f} s left" if left >= 1 else ""
        handle.update(Pretty(f"{name}: {phase} {done:,.0f} of {total:,.0f}{remaining}"))

    yield tell
    if handle is not None:
        handle.update(Pretty(f"{name}: done in {time.monotonic() - began:.0f} s"))
