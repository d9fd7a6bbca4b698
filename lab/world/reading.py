"""Finds the facts, in all languages, that a partly visible sentence may tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lab.world.pattern import Pattern, PatternState
from lab.world.verbaliser import Verbaliser

HEAD = 4  # letters by which templates are ruled out before they are walked
Fillers = dict[int, int]


class TemplatePart(NamedTuple):
    """A piece of a template, with its texts in the direction of the walk."""

    slots: tuple[int, ...]
    table: np.ndarray
    choices: list[tuple[Fillers, str]]  # every filling of its slots, with its text


class Chain(NamedTuple):
    """The parts of a template in the direction of the walk."""

    parts: list[TemplatePart]
    heads: set[str]  # how it can begin


Stage = str | list[list[Chain]]  # a text, or one clause: the chains of every relation


@dataclass(frozen=True)
class Reading:
    """A way to have written a text; `share` is P(this wording | language, meaning)."""

    language: str
    meaning: int
    share: float
    text: str


class WorldReader:
    """Finds every reading of a pattern by walking the templates piece by piece.

    A walk ends where the visible text no longer fits, so its cost depends on what the gaps leave open and not on the
    number of meanings. A walk starts at the end of the sentence that shows more text, because nearly every template of
    every language may fit a sentence that begins with a gap.
    """

    def __init__(
        self,
        verbalisers: Mapping[str, Verbaliser],
        num_facts: int,
        write: Callable[[str], str] = str,
        begin: str = "",
    ) -> None:
        """
        Args:
            verbalisers: by language.
            num_facts: facts per sentence.
            write: maps text to the spelling of patterns, such as a tokenizer's normal form; it is applied piece by
                piece, so it must act locally.
            begin: stands before every sentence.
        """
        self._sources = {tag: _Source(v, num_facts, write, begin) for tag, v in verbalisers.items()}

    @property
    def characters(self) -> set[str]:
        """Every character of every piece, as patterns spell it."""
        return set().union(*(source.characters for source in self._sources.values()))

    def read(self, pattern: Pattern) -> Iterator[Reading]:
        """Yields every reading of a pattern, one per language, meaning and wording."""
        backward = len(pattern.literals[-1]) > len(pattern.literals[0])
        seen = pattern.backward() if backward else pattern
        for tag, source in self._sources.items():
            for share, facts, text in source.walk(seen, backward):
                facts, text = (facts[::-1], text[::-1]) if backward else (facts, text)
                meaning = facts[0] if len(facts) == 1 else facts[0] * source.facts.total + facts[1]
                yield Reading(tag, meaning, share, text)


class _Source:
    """The sentences of a language as stages, in the spelling of patterns, in both directions."""

    def __init__(
        self, verbaliser: Verbaliser, num_facts: int, write: Callable[[str], str], begin: str
    ) -> None:
        language, self.facts = verbaliser.language, verbaliser.facts

        def capital(text: str) -> str:
            assert text, "a sentence may not begin with an empty form"
            return begin + write(language.finish(text).removesuffix(language.end))

        self.stages: dict[bool, list[Stage]] = {}
        for backward in (False, True):
            opening = _clause(verbaliser, capital, write, backward)
            stages: list[Stage] = [opening, write(language.end)]
            if num_facts == 2:
                stages = [
                    opening,
                    write(language.join),
                    _clause(verbaliser, write, write, backward),
                    stages[1],
                ]
            turned = [stage[::-1] if isinstance(stage, str) else stage for stage in reversed(stages)]
            self.stages[backward] = turned if backward else stages

    @property
    def characters(self) -> set[str]:
        texts = [stage for stage in self.stages[False] if isinstance(stage, str)]
        chains = [
            c for stage in self.stages[False] if not isinstance(stage, str) for row in stage for c in row
        ]
        pieces = (str(text) for chain in chains for part in chain.parts for text in part.table.flat)
        return set("".join([*texts, *pieces]))

    def walk(self, pattern: Pattern, backward: bool) -> Iterator[tuple[float, tuple[int, ...], str]]:
        """Yields (share, facts, text) of every sentence that fits, facts and text in the direction of the walk."""
        yield from self._from(0, pattern, pattern.start, self.stages[backward])

    def _from(
        self, position: int, pattern: Pattern, states: frozenset[PatternState], stages: Sequence[Stage]
    ) -> Iterator[tuple[float, tuple[int, ...], str]]:
        if position == len(stages):
            if pattern.complete(states):
                yield 1.0, (), ""
            return
        stage = stages[position]
        if isinstance(stage, str):
            after = pattern.step(states, stage)
            for share, facts, text in self._from(position + 1, pattern, after, stages) if after else ():
                yield share, facts, stage + text
            return
        for share, fact, text, after in self._clauses(pattern, states, stage):
            for more, facts, rest in self._from(position + 1, pattern, after, stages):
                yield share * more, (fact, *facts), text + rest

    def _clauses(
        self, pattern: Pattern, states: frozenset[PatternState], relations: list[list[Chain]]
    ) -> Iterator[tuple[float, int, str, frozenset[PatternState]]]:
        head = pattern.next_text(states)[:HEAD]
        width = self.facts.sizes.shape[1]
        for relation, chains in enumerate(relations):
            for chain in chains:
                if not any(_agree(head, possible) for possible in chain.heads):
                    continue
                for fillers, text, after in _walk(chain, 0, {}, "", pattern, states):
                    row = np.array([[fillers.get(slot, 0) for slot in range(width)]])
                    fact = int(self.facts.pack(np.array([relation]), row)[0])
                    yield 1 / len(chains), fact, text, after


def _clause(
    verbaliser: Verbaliser, opening: Callable[[str], str], write: Callable[[str], str], backward: bool
) -> list[list[Chain]]:
    """The chains of every relation; `opening` spells the first piece of a template, `write` the others."""
    relations = []
    for templates in verbaliser.templates:
        chains = []
        for template in templates:
            spelled = [
                _part(piece.slots, _mapped(piece.table, write if number else opening, backward))
                for number, piece in enumerate(template)
            ]
            parts = spelled[::-1] if backward else spelled
            chains.append(Chain(parts, {str(text)[:HEAD] for text in parts[0].table.flat}))
        relations.append(chains)
    return relations


def _agree(left: str, right: str) -> bool:
    return left.startswith(right) or right.startswith(left)


def _walk(
    chain: Chain,
    position: int,
    fillers: Fillers,
    text: str,
    pattern: Pattern,
    states: frozenset[PatternState],
) -> Iterator[tuple[Fillers, str, frozenset[PatternState]]]:
    if position == len(chain.parts):
        yield fillers, text, states
        return
    for choice, piece in _open(chain.parts[position], fillers):
        after = pattern.step(states, piece)
        if after:
            yield from _walk(chain, position + 1, fillers | choice, text + piece, pattern, after)


def _open(part: TemplatePart, fillers: Fillers) -> list[tuple[Fillers, str]]:
    """The fillings that a part still allows, given the slots filled so far, each with its text."""
    free = tuple(slot for slot in part.slots if slot not in fillers)
    if free == part.slots:
        return part.choices
    table = part.table[tuple(fillers.get(slot, slice(None)) for slot in part.slots)]
    return _choices(free, table) if free else [({}, str(table))]


def _part(slots: tuple[int, ...], table: np.ndarray) -> TemplatePart:
    return TemplatePart(slots, table, _choices(slots, table))


def _choices(slots: tuple[int, ...], table: np.ndarray) -> list[tuple[Fillers, str]]:
    return [(dict(zip(slots, choice, strict=True)), str(text)) for choice, text in np.ndenumerate(table)]


def _mapped(table: np.ndarray, write: Callable[[str], str], backward: bool) -> np.ndarray:
    mapped = np.empty(table.shape, dtype=object)
    for choice in np.ndindex(table.shape):
        text = write(str(table[choice]))
        mapped[choice] = text[::-1] if backward else text
    return mapped
