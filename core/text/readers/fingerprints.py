"""A set of 64-bit fingerprints in NumPy arrays: about eleven bytes per fingerprint."""

from typing import Final

import numpy as np

FIRST_SLOTS: Final = 1 << 16
FULL: Final = 0.75
EMPTY: Final = np.uint64(0)


class Fingerprints:
    """A set of 64-bit numbers.

    The set has tables with open addressing, each twice as large as the table before it. A full table is never copied,
    so memory does not double while the set grows. Among n texts two different ones have the same fingerprint with
    probability n * n / 2**65: 0.0003 for a hundred million.
    """

    def __init__(self, slots: int = FIRST_SLOTS) -> None:
        self._tables = [np.zeros(slots, dtype=np.uint64)]
        self._held = 0

    def add(self, values: np.ndarray) -> np.ndarray:
        """Adds numbers (uint64); returns for each whether it is new: neither in the set nor earlier in `values`."""
        # zero stands for an empty slot
        values = np.where(values == EMPTY, np.uint64(1), values)
        fresh = np.zeros(len(values), dtype=bool)
        _, unseen = np.unique(values, return_index=True)
        for table in self._tables:
            unseen = unseen[~_holds(table, values[unseen])]
        fresh[unseen] = True
        self._insert(values[unseen])
        return fresh

    def _insert(self, values: np.ndarray) -> None:
        table = self._tables[-1]
        while self._held + len(values) > FULL * len(table):
            table = np.zeros(2 * len(table), dtype=np.uint64)
            self._tables.append(table)
            self._held = 0
        self._held += len(values)
        slots = _slots(table, values)
        while len(values):
            free = table[slots] == EMPTY
            # where two values want one slot the last stays, and the other goes on
            table[slots[free]] = values[free]
            waiting = table[slots] != values
            values, slots = values[waiting], (slots[waiting] + 1) % len(table)


def _holds(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    held = np.zeros(len(values), dtype=bool)
    pending, slots = np.arange(len(values)), _slots(table, values)
    while len(pending):
        entries = table[slots]
        same = entries == values[pending]
        held[pending[same]] = True
        going_on = ~same & (entries != EMPTY)
        pending, slots = pending[going_on], (slots[going_on] + 1) % len(table)
    return held


def _slots(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    return (values % np.uint64(len(table))).astype(np.int64)
