"""The templates of a language, compiled for the facts of a world."""

import zlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lab.world.facts import Facts, entities, type_of
from lab.world.language import Language
from lab.world.template import Piece, compile_template, render


class Verbaliser:
    """Turns facts into the sentences of a language.

    `merged[kind]` maps each filler of a slot to the first filler that is told in the same words.
    """

    def __init__(
        self, language: Language, facts: Facts, ambiguity: float = 0.0, paraphrases: bool = False
    ) -> None:
        self.language = language
        self.facts = facts
        self.paraphrases = paraphrases
        merged = {
            kind: merge(kind, len(positions), language.tag, ambiguity)
            for kind, positions in facts.positions.items()
        }
        self._spoken = {kind: merged[type_of(kind)][fillers] for kind, fillers in facts.fillers.items()}
        self.merged = {kind: _first_alike(spoken) for kind, spoken in self._spoken.items()}

    @cached_property
    def fillers(self) -> dict[str, list[tuple[str, ...]]]:
        """The entities whose words tell each filler of a slot, one or two per filler."""
        names = {
            kind: [entities()[kind][position] for position in positions]
            for kind, positions in self.facts.positions.items()
        }
        return {
            kind: [tuple(names[type_of(kind)][i] for i in entity) for entity in spoken]
            for kind, spoken in self._spoken.items()
        }

    @cached_property
    def templates(self) -> list[list[list[Piece]]]:
        """The pieces of every template in use, by relation."""
        return [
            [compile_template(text, kinds, self.fillers, self.language) for text in self._in_use(relation)]
            for relation, kinds in zip(self.facts.relations, self.facts.slots, strict=True)
        ]

    def _in_use(self, relation: str) -> list[str]:
        texts = self.language.templates[relation]
        return texts if self.paraphrases else texts[:1]

    def texts(self, facts: Sequence[np.ndarray], choice: np.ndarray) -> np.ndarray:
        """Sentences (n,) that tell one or two facts each; `choice` (n, facts) in [0, 1) picks the templates."""
        clauses = [self._clauses(fact, choice[:, i]) for i, fact in enumerate(facts)]
        text = clauses[0] if len(clauses) == 1 else clauses[0] + self.language.join + clauses[1]
        finished = [self.language.finish(clause) for clause in text]
        return np.array(finished, dtype=object) if finished else np.empty(0, dtype=object)

    def _clauses(self, facts: np.ndarray, choice: np.ndarray) -> np.ndarray:
        relation, fillers = self.facts.unpack(facts)
        text = np.empty(len(facts), dtype=object)
        for row, templates in enumerate(self.templates):
            picked = (choice * len(templates)).astype(np.int64)
            for number, pieces in enumerate(templates):
                rows = np.flatnonzero((relation == row) & (picked == number))
                if len(rows):
                    text[rows] = render(pieces, fillers[rows])
        return text


def merge(kind: str, count: int, tag: str, ambiguity: float) -> np.ndarray:
    """For each of `count` entities, the entity whose words tell it: itself, or its neighbour.

    round(ambiguity * count / 2) neighbouring pairs share the words of their first member. The place of the first pair
    differs by type and language, so that languages are ambiguous about different things.
    """
    merged = np.arange(count)
    start = zlib.crc32(f"{tag} {kind}".encode()) % count
    for pair in range(min(round(ambiguity * count / 2), count // 2)):
        member, neighbour = (start + 2 * pair) % count, (start + 2 * pair + 1) % count
        merged[neighbour] = merged[member] = min(member, neighbour)
    return merged


def _first_alike(spoken: np.ndarray) -> np.ndarray:
    """For each row the position of the first row that equals it."""
    _, rows, number = np.unique(spoken, axis=0, return_index=True, return_inverse=True)
    return rows[number.ravel()]
