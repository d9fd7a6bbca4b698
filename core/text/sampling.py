"""Chooses the sentences of a step: languages and pairs with p ~ n^exponent, each stream visited without repetition.

Every draw is a pure function of the seed, the step and a few counters. So a run resumes exactly, on any number of
processes, by restoring the counters. The cost of a step does not grow with the number of pairs of languages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.config import TextSettings
from core.text.arrays import IntArray, ranks
from core.text.shuffle import permuted, round_keys
from core.text.split import Split


@dataclass(frozen=True)
class Sentences:
    """One sentence an example: rows of the corpus, [examples, 1]."""

    @property
    def sentences_per_input(self) -> int:
        """Sentences that stand together in one input of an encoder."""
        return 1


@dataclass(frozen=True)
class Pairs:
    """`joined` translation pairs an example: rows of the corpus, [examples, joined, 2], (source, target).

    The pairs of an example have the same two languages on the same sides. With `mix_languages` each pair has other
    languages, and its sides are drawn alone. The two sides of a pair share an input only if `in_one_input`.
    """

    joined: int = 1
    mix_languages: bool = False
    in_one_input: bool = False

    @property
    def sentences_per_input(self) -> int:
        """Sentences that stand together in one input of an encoder."""
        return self.joined * (2 if self.in_one_input else 1)


Reads = Sentences | Pairs
"""What a task may read; the sampler knows these kinds, and no task."""


def probabilities(sizes: IntArray, exponent: float) -> np.ndarray:
    """Probability of drawing each language or pair: n^exponent / sum of n^exponent, 0 where n is 0.

    Args:
        sizes: n, the number of sentences or translations.
        exponent: 1 draws in proportion, 0 evenly (paper: 0.7).

    Example:
        >>> probabilities(np.array([100, 0, 1]), 0.5).round(2).tolist()
        [0.91, 0.0, 0.09]
    """
    weights = np.where(sizes > 0, np.asarray(sizes, dtype=np.float64) ** exponent, 0.0)
    return weights / weights.sum()


class Choice:
    """A distribution over 0 ... len(p) - 1, sampled by bisection of its cumulative probabilities."""

    def __init__(self, p: np.ndarray) -> None:
        self._ends = np.cumsum(p)
        self._ends /= self._ends[-1:]

    def sample(self, rng: np.random.Generator, count: int) -> IntArray:
        """Numbers drawn with repetition; equal to those of `rng.choice`, which adds up `p` at every call."""
        return np.searchsorted(self._ends, rng.random(count), side="right")

    def others(self, rng: np.random.Generator, numbers: IntArray) -> IntArray:
        """For each number a different number, drawn by `p`; the number itself where there is no other."""
        last = len(self._ends) - 1
        if not last:
            return numbers
        begins = np.where(numbers > 0, self._ends[numbers - 1], 0.0)
        gaps = self._ends[numbers] - begins
        places = rng.random(len(numbers)) * (1 - gaps)
        # rounding must not lead into the gap
        before = (places < begins) | (numbers == last)
        drawn = np.searchsorted(self._ends, np.where(before, places, places + gaps), side="right")
        return np.where(before, np.minimum(drawn, numbers - 1), np.clip(drawn, numbers + 1, last))


class Visits:
    """Visits the positions of streams without end: in each epoch of a stream all positions once, in random order.

    Attributes:
        counts: int64 per stream, number of visits so far; the whole state.
    """

    def __init__(self, sizes: IntArray, seed: tuple[int, ...]) -> None:
        self._sizes, self._seed = sizes, seed
        self.counts = np.zeros(len(sizes), dtype=np.int64)
        # the keys of the epoch in which each stream was visited last
        self._epochs = np.full(len(sizes), -1)
        self._keys = np.zeros((len(sizes), 4), dtype=np.uint64)

    def next(self, streams: IntArray, from_end: bool = False) -> IntArray:
        """The next position of each stream in `streams`, which may repeat; with `from_end`, epochs run backwards."""
        sizes, visits = self._sizes[streams], self.counts[streams] + ranks(streams)
        np.add.at(self.counts, streams, 1)
        places = sizes - 1 - visits % sizes if from_end else visits % sizes
        return permuted(places, sizes, self._round_keys(streams, visits // sizes))

    def _round_keys(self, streams: IntArray, epochs: IntArray) -> np.ndarray:
        """Keys of the random orders of epochs, [streams, 4]."""
        orders, places = np.unique(np.stack([streams, epochs], axis=1), axis=0, return_inverse=True)
        streams, epochs = orders.T
        keys = self._keys[streams]
        for place in np.flatnonzero(self._epochs[streams] != epochs).tolist():
            keys[place] = round_keys((*self._seed, *orders[place].tolist()))
        # the latest epoch of a stream comes last, and stays
        self._epochs[streams], self._keys[streams] = epochs, keys
        return keys[places]


class Sampler:
    """Draws the rows of each step; its whole state is one counter per stream and language, or stream and pair.

    A stream is the number of a task in the seeds of all its random numbers, so that tasks do not disturb each other.

    Attributes:
        language_p: the probability of each language of a sentence.
        pair_p: the probability of each pair of languages.
    """

    def __init__(self, split: Split, settings: TextSettings, seed: int) -> None:
        self.split, self.seed = split, seed
        self.language_p = probabilities(split.singles.sizes, settings.exponent)
        self.pair_p = probabilities(split.pairs.sizes, settings.exponent) if len(split.pairs) else np.zeros(0)
        self._languages, self._pairs = Choice(self.language_p), Choice(self.pair_p)
        self._visits: dict[int, Visits] = {}
        # counters of streams from which nothing has been drawn since they were restored
        self._restored: dict[int, dict[int, int]] = {}

    def state(self) -> dict[str, int]:
        """The counters, as JSON can hold them."""
        counts = self._restored | {
            stream: {int(number): int(visits.counts[number]) for number in np.flatnonzero(visits.counts)}
            for stream, visits in self._visits.items()
        }
        return {
            f"{stream}.{number}": count
            for stream in sorted(counts)
            for number, count in counts[stream].items()
        }

    def restore(self, state: Mapping[str, int]) -> None:
        """Takes the counters of `state()` back.

        Raises:
            ValueError: the counters do not belong to this text.
        """
        largest, restored = max(len(self.language_p), len(self.pair_p)), dict[int, dict[int, int]]()
        for key, count in state.items():
            stream, number = map(int, key.split("."))
            if not 0 <= number < largest:
                raise ValueError(f"a counter of language or pair {number}, of {largest}")
            restored.setdefault(stream, {})[number] = count
        self._visits, self._restored = {}, restored

    def draw_rows(
        self, step: int, stream: int, reads: Reads, examples: int, from_end: bool = False
    ) -> IntArray:
        """Rows that a task reads in a step, shaped as `reads` says.

        Args:
            step: number of the step, from 1.
            stream: number of the task in the seeds of its random numbers.
            reads: sentences or pairs.
            examples: number of examples, over all processes.
            from_end: draws the rows that an epoch reads last.
        """
        rng = np.random.default_rng([self.seed, stream, step])
        visits = self._visits_of(stream, reads)
        if isinstance(reads, Sentences):
            languages = self._languages.sample(rng, examples)
            return self.split.singles.rows(languages, visits.next(languages, from_end))[:, None]
        return self._draw_pairs(rng, visits, reads, examples, from_end)

    def _draw_pairs(
        self, rng: np.random.Generator, visits: Visits, reads: Pairs, examples: int, from_end: bool
    ) -> IntArray:
        joined, mixed = reads.joined, reads.mix_languages
        pairs = np.repeat(self._pairs.sample(rng, examples)[:, None], joined, axis=1)
        for slot in range(1, joined if mixed else 1):
            pairs[:, slot] = self._pairs.others(rng, pairs[:, slot - 1])
        flat = pairs.ravel()
        rows = self.split.pairs.rows(flat, visits.next(flat, from_end)).reshape(examples, joined, 2)
        swap = rng.random((examples, joined if mixed else 1, 1)) < 0.5
        return np.where(swap, rows[..., ::-1], rows)

    def _visits_of(self, stream: int, reads: Reads) -> Visits:
        """The visits of a stream, with the counters that were restored for it."""
        if stream not in self._visits:
            parts = self.split.singles if isinstance(reads, Sentences) else self.split.pairs
            visits = self._visits[stream] = Visits(parts.sizes, (self.seed, stream))
            for number, count in self._restored.pop(stream, {}).items():
                visits.counts[number] = count
        return self._visits[stream]
