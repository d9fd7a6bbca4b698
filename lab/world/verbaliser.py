"""A language's templates compiled for the facts of one world."""

import zlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lab.world.facts import Facts, entities
from lab.world.language import Language
from lab.world.template import Piece, compile_template, render


class Verbaliser:
    """Turns facts into the sentences of one language."""

    def __init__(
        self, language: Language, facts: Facts, ambiguity: float = 0.0, paraphrases: bool = False
    ) -> None:
        self.language = language
        self.facts = facts
        self.paraphrases = paraphrases
        self.merged = {
            kind: merge(kind, len(kept), language.tag, ambiguity) for kind, kept in facts.kept.items()
        }

    @cached_property
    def templates(self) -> list[list[list[Piece]]]:
        """The pieces of every template in use, by relation."""
        names = entities()
        fillers = {
            kind: [names[kind][self.facts.kept[kind][i]] for i in merged]
            for kind, merged in self.merged.items()
        }
        return [
            [compile_template(text, kinds, fillers, self.language) for text in self._in_use(relation)]
            for relation, kinds in zip(self.facts.relations, self.facts.slots, strict=True)
        ]

    def _in_use(self, relation: str) -> list[str]:
        texts = self.language.templates[relation]
        return texts if self.paraphrases else texts[:1]

    def texts(self, facts: Sequence[np.ndarray], choice: np.ndarray) -> np.ndarray:
        """Sentences (n,) telling one or two facts each; `choice` (n, facts) in [0, 1) picks the templates."""
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
                mine = np.flatnonzero((relation == row) & (picked == number))
                if len(mine):
                    text[mine] = render(pieces, fillers[mine])
        return text


def merge(kind: str, count: int, tag: str, ambiguity: float) -> np.ndarray:
    """For each of `count` entities the one whose words it is told with: itself, or its neighbour.

    round(ambiguity * count / 2) neighbouring pairs share the words of their first member; where the first
    pair begins differs by type and language, so that languages are ambiguous about different things.
    """
    merged = np.arange(count)
    start = zlib.crc32(f"{tag} {kind}".encode()) % count
    for pair in range(min(round(ambiguity * count / 2), count // 2)):
        first, second = (start + 2 * pair) % count, (start + 2 * pair + 1) % count
        merged[second] = merged[first] = min(first, second)
    return merged
