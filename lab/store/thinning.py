"""Chooses the snapshots of a long run that stay."""

from collections.abc import Sequence
from typing import Final

SNAPSHOTS: Final = 100
"""A run keeps at most so many snapshots, plus the newest."""


def thinned(steps: Sequence[int], every: int) -> list[int]:
    """Steps of the snapshots that stay: the newest, and all at multiples of a spacing.

    The spacing is `every` times the smallest power of two that leaves at most `SNAPSHOTS`: whenever there are more,
    every second snapshot goes. The spacing depends on the newest step alone, so a run that was killed and resumed keeps
    the same snapshots.

    Args:
        steps: steps of the snapshots, in order.
        every: steps from one snapshot to the next.
    """
    spacing = every
    while steps[-1] // spacing >= SNAPSHOTS:
        spacing *= 2
    return [step for step in steps if step % spacing == 0 or step == steps[-1]]
