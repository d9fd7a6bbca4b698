"""The progress of long work: one signature for readers, evaluations, studies and benchmarks."""

from typing import Protocol


class Progress(Protocol):
    """Called with a phase in words, how much of it is done, and how much there is."""

    def __call__(self, phase: str, done: float, total: float, /) -> None: ...


def no_progress(phase: str, done: float, total: float, /) -> None:
    """Reports nothing."""
