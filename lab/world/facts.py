"""Facts: the meanings of a world and their numbers.

A fact is a relation with a filler in each of its slots: an entity, or an ordered pair of two different entities. Facts
are numbered 0 ... n - 1 in mixed radix, relation by relation, so a number is unpacked by division and no list of
meanings is ever held in memory.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
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
    """The slots of every relation, role relations last; a slot is named by its type."""
    return {**_data()["relations"], **role_relations()}


def role_relations() -> dict[str, list[str]]:
    """The slots of role relations, where order, case or agreement decides; a world tells them only on demand."""
    return _data()["roles"]


@dataclass(frozen=True)
class Pair:
    """A slot for two different entities of a type, in order, and the names of the two in templates."""

    type: str
    roles: tuple[str, str]


@cache
def pairs() -> dict[str, Pair]:
    """The slots that are pairs."""
    return {name: Pair(pair["type"], tuple(pair["roles"])) for name, pair in _data()["pairs"].items()}


def type_of(kind: str) -> str:
    """The type of the entities that fill a slot."""
    return pairs()[kind].type if kind in pairs() else kind


@dataclass(frozen=True)
class Mention:
    """The meaning of a name in a template: a member of a slot's filler, and the type whose words tell it."""

    slot: int
    member: int
    type: str


def mentions(kinds: Sequence[str]) -> dict[str, Mention]:
    """The names that a template of a relation with slots `kinds` may use: types, or the two roles of a pair.

    >>> mentions(["people", "city"])["other"]
    Mention(slot=0, member=1, type='person')
    """
    names = {}
    for slot, kind in enumerate(kinds):
        roles = pairs()[kind].roles if kind in pairs() else (kind,)
        names |= {role: Mention(slot, member, type_of(kind)) for member, role in enumerate(roles)}
    return names


@dataclass(frozen=True)
class Facts:
    """The facts of a world.

    Attributes:
        relations: names.
        slots: of each relation.
        positions: for each type, the positions of this world's entities in the full list.
        fillers: for each kind of slot, its possible fillers, [fillers, members]; a row holds one entity, or two for a
            pair, as indices into `positions`.
    """

    relations: tuple[str, ...]
    slots: tuple[tuple[str, ...], ...]
    positions: dict[str, tuple[int, ...]]
    fillers: dict[str, np.ndarray]
    sizes: np.ndarray  # (relations, widest) entities per slot, 1 where a relation has no such slot
    counts: np.ndarray  # facts per relation
    offsets: np.ndarray  # number of the first fact of each relation, and the total at the end

    @classmethod
    def load(cls, size: str = "full", names: Sequence[str] | None = None) -> "Facts":
        """The facts of some relations, in their order.

        Args:
            size: "full", or "small" with three entities of each type.
            names: of the relations; default: all except role relations.

        Raises:
            InputError: the size or a relation is unknown, or a relation comes twice.
        """
        if size not in SIZES:
            raise InputError(f"size must be one of {', '.join(SIZES)}, not {size!r}")
        relation_names = tuple(_data()["relations"]) if names is None else tuple(names)
        unknown = [name for name in relation_names if name not in relations()]
        if unknown or not relation_names or len(set(relation_names)) < len(relation_names):
            raise InputError(
                f"relations must be distinct names out of {', '.join(relations())}, not {names!r}"
            )
        positions = {kind: _positions(len(items), size) for kind, items in entities().items()}
        slots = tuple(tuple(relations()[name]) for name in relation_names)
        fillers = {kind: _fillers(kind, positions) for kind in [*positions, *pairs()]}
        sizes = np.ones((len(relation_names), max(map(len, slots))), dtype=np.int64)
        for row, kinds in enumerate(slots):
            sizes[row, : len(kinds)] = [len(fillers[kind]) for kind in kinds]
        counts = sizes.prod(axis=1)
        return cls(
            relation_names, slots, positions, fillers, sizes, counts, np.concatenate([[0], np.cumsum(counts)])
        )

    @property
    def total(self) -> int:
        return int(self.offsets[-1])

    def unpack(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Relation (n,) and slot fillers (n, widest) of facts, as indices into `fillers`."""
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

    def exchanged(self, numbers: np.ndarray) -> np.ndarray:
        """The facts (n,) with the two members of every pair exchanged; facts without a pair stay as they are."""
        relation, fillers = self.unpack(numbers)
        for row, kinds in enumerate(self.slots):
            rows = relation == row
            for slot, kind in enumerate(kinds):
                if kind in pairs():
                    fillers[rows, slot] = _turned(self.fillers[kind])[fillers[rows, slot]]
        return self.pack(relation, fillers)


def _positions(count: int, size: str) -> tuple[int, ...]:
    """All positions, or three spread over the list, so that both genders, small and large numbers remain."""
    if size == "full" or count <= SMALL_LIST:
        return tuple(range(count))
    return tuple(int(i) for i in np.linspace(0, count - 1, SMALL_LIST).round())


def _fillers(kind: str, positions: dict[str, tuple[int, ...]]) -> np.ndarray:
    if kind in pairs():
        return np.array(list(permutations(range(len(positions[type_of(kind)])), 2)))
    return np.arange(len(positions[kind]))[:, None]


def _turned(fillers: np.ndarray) -> np.ndarray:
    """Position of the reversed pair for each pair; `fillers` must be sorted."""
    return np.lexsort(fillers.T)
