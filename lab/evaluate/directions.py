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
    """The directions that are measured, by the number of meanings they share."""
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

    Where there are too many, a sample without replacement in which each has the same chance, so that the expected mean
    over the sample is the mean over all. Languages stand in a circle in random order, and each searches those that
    follow it. Along that line of directions every so-manyth is taken from a random start: where all languages
    translate each other, each asks and is searched about equally often. Some language may be in no direction drawn.
    """
    count = len(enough)
    rng = np.random.default_rng(rule.seed)
    circle = rng.permutation(count)
    source, step = np.divmod(np.arange(count * max(0, count - 1)), max(1, count - 1))
    line = np.stack([circle[source], circle[(source + step + 1) % max(1, count)]], axis=1)
    line = line[enough[line[:, 0], line[:, 1]]]
    if len(line) <= rule.directions:
        return line
    places = (rng.random() + np.arange(rule.directions)) * len(line) / rule.directions
    return line[places.astype(np.int64)]
