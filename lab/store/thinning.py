"""Which snapshots of a long run stay."""

from collections.abc import Sequence
from typing import Final

SNAPSHOTS: Final = 100
"""A run keeps at most so many snapshots, and the newest."""


def thinned(steps: Sequence[int], every: int) -> list[int]:
    """The first snapshot, the newest, and in between those at multiples of one number of steps.

    That number is `every` times the smallest power of two that leaves `SNAPSHOTS` at most: whenever there are more,
    every second one goes. It depends on the newest step alone, so a run that was killed and resumed keeps the same.

    Args:
        steps: of the snapshots that there are, in order.
        every: steps from one snapshot to the next.
    """
    spacing = every
    while steps[-1] // spacing >= SNAPSHOTS:
        spacing *= 2
    return [step for step in steps if step % spacing == 0 or step == steps[-1]]
