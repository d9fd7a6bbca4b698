"""The threads that a run computes with.

Another number of them adds in another order, which rounds sums differently, and training carries that on.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch

from lab.store import RunInfo


def threads_note(info: RunInfo) -> str | None:
    """One line where this machine cannot give a run the threads that it began with, or None."""
    cores = os.cpu_count() or 1
    if _as_begun(info) or info.threads is None:
        return None
    return (
        f"run {info.name} began with {info.threads} threads, this machine has {cores} cores: from here on its numbers "
        "agree with those of an undisturbed run up to rounding only"
    )


@contextmanager
def threads_of(info: RunInfo) -> Generator[None]:
    """Computes with the threads that a run began with, where this machine has them."""
    before = torch.get_num_threads()
    if info.threads is not None and _as_begun(info):
        torch.set_num_threads(info.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _as_begun(info: RunInfo) -> bool:
    """Whether this machine can compute with the threads that a run began with."""
    return info.threads is not None and info.threads <= max(os.cpu_count() or 1, torch.get_num_threads())
