"""The number of threads that a run computes with.

Another number of threads adds in another order and rounds sums differently, and training carries the difference on.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch

from lab.store import RunInfo


def threads_note(info: RunInfo) -> str | None:
    """A note where this machine has fewer threads than a run began with; else None."""
    cores = os.cpu_count() or 1
    if _as_begun(info) or info.threads is None:
        return None
    return (
        f"run {info.name} began with {info.threads} threads, this machine has {cores} cores: from here on its numbers "
        "agree with those of an undisturbed run up to rounding only"
    )


@contextmanager
def threads_of(info: RunInfo) -> Generator[None]:
    """Computes with as many threads as the run began with, where this machine has so many."""
    before = torch.get_num_threads()
    if info.threads is not None and _as_begun(info):
        torch.set_num_threads(info.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _as_begun(info: RunInfo) -> bool:
    """Whether this machine has as many threads as a run began with."""
    return info.threads is not None and info.threads <= max(os.cpu_count() or 1, torch.get_num_threads())
