"""Which facts, in which languages, may have been told by a sentence of which only parts are visible."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.world.pattern import Pattern, State
from lab.world.verbaliser import Verbaliser

HEAD = 4  # letters by which templates are ruled out before they are walked
Fillers = dict[int, int]
Chain = list[tuple[tuple[int, ...], np.ndarray]]  # slots and table of every piece


@dataclass(frozen=True)
class Reading:
    """One way to have written a text; the share is P(this wording | language, meaning)."""

    language: str
    meaning: int
    share: float
    text: str


class Reader:
    """Finds every reading of a pattern by walking the templates piece by piece, left to right.

    A walk ends where the visible text no longer fits, so the cost is governed by what the gaps leave open,
    not by the number of meanings. `write` maps text to how patterns spell it (a tokenizer's normal form,
    say); pieces are mapped one by one, which presumes that it acts locally. `begin` stands before every
    sentence.
    """

    def __init__(
        self,
        verbalisers: Mapping[str, Verbaliser],
        num_facts: int,
        write: Callable[[str], str] = str,
        begin: str = "",
    ) -> None:
        self.num_facts = num_facts
        self._sources = {tag: _Source(verbaliser, write, begin) for tag, verbaliser in verbalisers.items()}

    @property
    def characters(self) -> set[str]:
        """Every character of every piece, as patterns spell it."""
        return set().union(*(source.characters for source in self._sources.values()))

    def read(self, pattern: Pattern) -> Iterator[Reading]:
        """Every reading of a pattern, one per language, meaning and wording."""
        for tag, source in self._sources.items():
            opening = source.opening(pattern.literals[0])
            for share, meaning, text, states in source.clauses(pattern, pattern.start, opening):
                yield from self._ended(tag, source, pattern, share, meaning, text, states)

    def _ended(
        self,
        tag: str,
        source: "_Source",
        pattern: Pattern,
        share: float,
        meaning: int,
        text: str,
        states: frozenset[State],
    ) -> Iterator[Reading]:
        if self.num_facts == 1:
            if pattern.complete(pattern.step(states, source.end)):
                yield Reading(tag, meaning, share, text + source.end)
            return
        joined = pattern.step(states, source.join)
        for more, second, rest, after in source.clauses(pattern, joined, source.later) if joined else ():
            if pattern.complete(pattern.step(after, source.end)):
                number = meaning * source.total + second
                yield Reading(tag, number, share * more, text + source.join + rest + source.end)


class _Source:
    """One language's templates as chains of pieces, spelled as patterns are."""

    def __init__(self, verbaliser: Verbaliser, write: Callable[[str], str], begin: str) -> None:
        language, self.facts = verbaliser.language, verbaliser.facts
        self.total = self.facts.total
        self.end, self.join = write(language.end), write(language.join)
        self.later: list[list[Chain]] = [
            [[(piece.slots, _mapped(piece.table, write)) for piece in pieces] for pieces in templates]
            for templates in verbaliser.templates
        ]

        def capital(text: str) -> str:
            assert text, "a sentence may not begin with an empty form"
            return begin + write(language.finish(text).removesuffix(language.end))

        self.first: list[list[Chain]] = [
            [
                [(pieces[0].slots, _mapped(pieces[0].table, capital)), *chain[1:]]
                for pieces, chain in zip(templates, chains, strict=True)
            ]
            for templates, chains in zip(verbaliser.templates, self.later, strict=True)
        ]

        self._heads = [
            [{text[:HEAD] for text in chain[0][1].flat} for chain in chains] for chains in self.first
        ]

    @property
    def characters(self) -> set[str]:
        chains = [chain for side in (self.first, self.later) for chains in side for chain in chains]
        return set(
            "".join(
                [self.end, self.join, *(str(t) for chain in chains for _, table in chain for t in table.flat)]
            )
        )

    def opening(self, literal: str) -> list[list[Chain | None]]:
        """The chains to begin a sentence with, None where its first letters already exclude one."""
        head = literal[:HEAD]
        return [
            [
                chain if any(_agree(head, h) for h in heads) else None
                for chain, heads in zip(chains, all_heads, strict=True)
            ]
            for chains, all_heads in zip(self.first, self._heads, strict=True)
        ]

    def clauses(
        self, pattern: Pattern, states: frozenset[State], chains: Sequence[Sequence[Chain | None]]
    ) -> Iterator[tuple[float, int, str, frozenset[State]]]:
        """(share, fact, text, states after it) of every clause that fits from `states` on."""
        for relation, alternatives in enumerate(chains):
            width = self.facts.sizes.shape[1]
            for chain in alternatives:
                if chain is None:
                    continue
                for fillers, text, after in _walk(chain, 0, {}, "", pattern, states):
                    row = np.array([[fillers.get(slot, 0) for slot in range(width)]])
                    fact = int(self.facts.pack(np.array([relation]), row)[0])
                    yield 1 / len(alternatives), fact, text, after


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _walk(
    chain: Chain, position: int, fillers: Fillers, text: str, pattern: Pattern, states: frozenset[State]
) -> Iterator[tuple[Fillers, str, frozenset[State]]]:
    if position == len(chain):
        yield fillers, text, states
        return
    slots, table = chain[position]
    for choice, piece in _open(slots, table, fillers):
        after = pattern.step(states, piece)
        if after:
            yield from _walk(chain, position + 1, fillers | choice, text + piece, pattern, after)


def _open(slots: tuple[int, ...], table: np.ndarray, fillers: Fillers) -> Iterator[tuple[Fillers, str]]:
    """The choices that a piece still leaves, given the slots filled so far, with its text for each."""
    index = tuple(fillers.get(slot, slice(None)) for slot in slots)
    free = [slot for slot in slots if slot not in fillers]
    if not free:
        yield {}, str(table[index])
        return
    for choice, piece in np.ndenumerate(np.asarray(table[index])):
        yield dict(zip(free, choice, strict=True)), str(piece)


def _mapped(table: np.ndarray, write: Callable[[str], str]) -> np.ndarray:
    mapped = np.empty(table.shape, dtype=object)
    for choice in np.ndindex(table.shape):
        mapped[choice] = write(str(table[choice]))
    return mapped
