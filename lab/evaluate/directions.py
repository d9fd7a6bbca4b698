"""Which directions retrieval measures: those with enough queries and candidates, a sample where there are too many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.evaluate.pools import PoolRule, Texts

MEANINGS_AT_ONCE: Final = 4_096


@dataclass(frozen=True)
class TooSmall:
    """A direction that is listed, not averaged, and why."""

    source: str
    target: str
    queries: int
    candidates: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """Directions to measure, those that are too small, and how many there are of each kind.

    Attributes:
        pairs: source and target of what is measured.
        large_enough: directions that could be measured; more than `pairs` where these were drawn.
        too_small: listed, not averaged.
        untranslated: directions between languages that share no meaning.
    """

    pairs: list[tuple[str, str]]
    large_enough: int
    too_small: list[TooSmall]
    untranslated: int


def plan(texts: Mapping[str, Texts], rule: PoolRule) -> Plan:
    """Which directions are measured, by the number of meanings they share."""
    tags = sorted(texts)
    shared = shared_meanings([texts[tag] for tag in tags])
    counts = [len(texts[tag].texts) for tag in tags]
    searched = shared if rule.index == "shared" else np.broadcast_to(counts, shared.shape)
    directed = ~np.eye(len(tags), dtype=bool)
    least = max(rule.smallest, rule.size or 0)
    enough = directed & (shared >= rule.smallest) & (searched >= least)
    too_small = []
    for s, t in np.argwhere(directed & (shared > 0) & ~enough):
        queries, candidates = int(shared[s, t]), int(searched[s, t])
        reason = rule.lack(queries, candidates) or ""
        too_small.append(TooSmall(tags[s], tags[t], queries, candidates, reason))
    pairs = sorted((tags[s], tags[t]) for s, t in sampled(enough, rule))
    return Plan(pairs, int(enough.sum()), too_small, int((directed & (shared == 0)).sum()))


def shared_meanings(languages: Sequence[Texts]) -> np.ndarray:
    """Number of meanings that each language shares with each, [languages, languages]."""
    meanings = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.meanings for each in languages)]))
    shared = np.zeros((len(languages), len(languages)), dtype=np.int64)
    for begin in range(0, len(meanings), MEANINGS_AT_ONCE):
        block = meanings[begin : begin + MEANINGS_AT_ONCE]
        holds = np.array(
            [np.isin(block, each.meanings, assume_unique=True) for each in languages], np.float32
        )
        shared += (holds @ holds.T).astype(np.int64)
    return shared


def sampled(enough: np.ndarray, rule: PoolRule) -> np.ndarray:
    """Positions of the directions that are measured, [directions, 2].

    Languages stand in a circle in random order, and each searches those that follow it. Along that line of directions
    every so-manyth is taken from a random start: all have the same chance, and where all languages translate each
    other, each asks and is searched about equally often.
    """
    count = len(enough)
    rng = np.random.default_rng(rule.seed)
    circle = rng.permutation(count)
    source, step = np.divmod(np.arange(count * max(0, count - 1)), max(1, count - 1))
    line = np.stack([circle[source], circle[(source + step + 1) % max(1, count)]], axis=1)
    line = line[enough[line[:, 0], line[:, 1]]]
    if len(line) <= rule.directions:
        return line
    first = covering(enough, circle, rng)[: rule.directions] if rule.every_language else line[:0]
    line = line[~np.isin(line @ [count, 1], first @ [count, 1])]
    more = rule.directions - len(first)
    return np.concatenate(
        [first, line[((rng.random() + np.arange(more)) * len(line) / max(1, more)).astype(np.int64)]]
    )


def covering(enough: np.ndarray, order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Few directions in which every language asks or is searched, [directions, 2].

    In `order` each language that has no direction yet gets one, with another that has none if there is such a one.
    """
    either, directions = enough | enough.T, list[tuple[int, int]]()
    alone = either.any(1)
    for language in order:
        if alone[language]:
            others = order[either[language, order]]
            other = next(iter(others[alone[others]]), rng.choice(others))
            asks = enough[language, other] and (not enough[other, language] or rng.random() < 0.5)
            directions.append((language, other) if asks else (other, language))
            alone[[language, other]] = False
    return np.array(directions, dtype=np.int64).reshape(-1, 2)
