"""The progress of long work: one signature for readers, evaluations, studies and benchmarks."""

from collections.abc import Callable

Progress = Callable[[str, float, float], None]
"""Called with a phase in words, how much of it is done, and how much there is."""


def no_progress(phase: str, done: float, total: float) -> None:
    """Reports nothing."""
