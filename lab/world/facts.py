"""Facts: which meanings exist, and how a meaning is numbered.

A fact is a relation with one entity in each of its slots. Facts are numbered 0 ... n-1 in mixed radix,
relation by relation, so a number is unpacked by division and no list of meanings is ever held in memory.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from core.errors import InputError

FOLDER = Path(__file__).parent
SIZES = ("full", "small")
SMALL_LIST = 3


@cache
def _data() -> dict:
    return tomllib.loads((FOLDER / "facts.toml").read_text(encoding="utf-8"))


def entities() -> dict[str, list[str]]:
    """Every entity by its type, in order of rank."""
    return _data()["entities"]


def relations() -> dict[str, list[str]]:
    """The slots of every relation; a slot is named by its type."""
    return _data()["relations"]


@dataclass(frozen=True)
class Facts:
    """The facts of a world: its relations and, for each type, the entities kept (positions in its list)."""

    relations: tuple[str, ...]
    slots: tuple[tuple[str, ...], ...]
    kept: dict[str, tuple[int, ...]]
    sizes: np.ndarray  # (relations, widest) entities per slot, 1 where a relation has no such slot
    counts: np.ndarray  # facts per relation
    offsets: np.ndarray  # number of the first fact of each relation, and the total at the end

    @classmethod
    def load(cls, size: str = "full", names: Sequence[str] | None = None) -> "Facts":
        """The facts of these relations, in their order; `size="small"` keeps three entities of each list."""
        if size not in SIZES:
            raise InputError(f"size must be one of {', '.join(SIZES)}, not {size!r}")
        chosen = tuple(relations()) if names is None else tuple(names)
        unknown = [name for name in chosen if name not in relations()]
        if unknown or not chosen or len(set(chosen)) < len(chosen):
            raise InputError(
                f"relations must be distinct names out of {', '.join(relations())}, not {names!r}"
            )
        kept = {kind: _kept(len(items), size) for kind, items in entities().items()}
        slots = tuple(tuple(relations()[name]) for name in chosen)
        sizes = np.ones((len(chosen), max(map(len, slots))), dtype=np.int64)
        for row, kinds in enumerate(slots):
            sizes[row, : len(kinds)] = [len(kept[kind]) for kind in kinds]
        counts = sizes.prod(axis=1)
        return cls(chosen, slots, kept, sizes, counts, np.concatenate([[0], np.cumsum(counts)]))

    @property
    def total(self) -> int:
        return int(self.offsets[-1])

    def unpack(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Relation (n,) and slot fillers (n, widest) of facts; a filler counts among the kept entities."""
        relation = np.searchsorted(self.offsets, numbers, side="right") - 1
        rest = numbers - self.offsets[relation]
        fillers = np.empty((len(numbers), self.sizes.shape[1]), dtype=np.int64)
        for slot in reversed(range(self.sizes.shape[1])):
            rest, fillers[:, slot] = np.divmod(rest, self.sizes[relation, slot])
        return relation, fillers

    def pack(self, relation: np.ndarray, fillers: np.ndarray) -> np.ndarray:
        """The inverse of `unpack`."""
        number = np.zeros(len(relation), dtype=np.int64)
        for slot in range(self.sizes.shape[1]):
            number = number * self.sizes[relation, slot] + fillers[:, slot]
        return number + self.offsets[relation]


def _kept(count: int, size: str) -> tuple[int, ...]:
    """All positions, or three spread over the list: both genders, small and large numbers stay
    represented."""
    if size == "full" or count <= SMALL_LIST:
        return tuple(range(count))
    return tuple(int(i) for i in np.linspace(0, count - 1, SMALL_LIST).round())
