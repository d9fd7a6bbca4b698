"""Probabilities of facts, uniform or by Zipf's law in every slot, with exact entropy in nats."""

from dataclasses import dataclass

import numpy as np

from lab.world.facts import Facts

DISTRIBUTIONS = ("uniform", "zipf")


@dataclass(frozen=True)
class Distribution:
    """p(fact) = p(relation) * product over its slots of p(filler).

    The weight of a fact is the product of rank^-exponent over its entities, rank = 1 for the first entity of a
    list; exponent 0 is the uniform distribution. The relation's probability is its share of the total weight.
    """

    relation: np.ndarray  # (relations,)
    slots: tuple[tuple[np.ndarray, ...], ...]  # per relation and slot, the probabilities of its fillers

    @classmethod
    def zipf(cls, facts: Facts, exponent: float) -> "Distribution":
        mass, slots = [], []
        for kinds in facts.slots:
            weights = [((facts.fillers[kind] + 1.0) ** -exponent).prod(axis=1) for kind in kinds]
            mass.append(np.prod([w.sum() for w in weights]))
            slots.append(tuple(w / w.sum() for w in weights))
        return cls(np.array(mass) / sum(mass), tuple(slots))

    @property
    def entropy_nats(self) -> float:
        """H(fact) = H(relation) + sum over relations p(relation) * sum over slots H(filler), exact."""
        inner = [sum(entropy(p) for p in slots) for slots in self.slots]
        return entropy(self.relation) + float(self.relation @ np.array(inner))

    def probabilities(self, relation: int) -> np.ndarray:
        """p(fact) of all facts of one relation, in their order."""
        p = np.array([self.relation[relation]])
        for slot in self.slots[relation]:
            p = (p[:, None] * slot).ravel()
        return p

    def sample(self, uniforms: np.ndarray, facts: Facts) -> np.ndarray:
        """Fact numbers (n,) selected by independent uniforms (n, 1 + slots) in [0, 1), by inversion."""
        relation = _invert(self.relation, uniforms[:, 0])
        fillers = np.zeros((len(uniforms), facts.sizes.shape[1]), dtype=np.int64)
        for row, slots in enumerate(self.slots):
            rows = relation == row
            for slot, p in enumerate(slots):
                fillers[rows, slot] = _invert(p, uniforms[rows, 1 + slot])
        return facts.pack(relation, fillers)


def entropy(p: np.ndarray) -> float:
    """-sum p log p in nats, with 0 log 0 = 0."""
    positive = p[p > 0]
    return float(-(positive * np.log(positive)).sum())


def _invert(p: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    # rounding may leave the last cumulative sum below 1
    return np.minimum(np.searchsorted(np.cumsum(p), uniform, side="right"), len(p) - 1)
