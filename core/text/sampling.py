"""Which sentences a step sees: languages and pairs drawn with p ~ n^exponent, each stream visited without repetition.

Every draw is a pure function of the seed, the step and a few counters, so a run resumes exactly, on any
number of processes, by restoring the counters. A step costs what its batch costs, however many pairs there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.config import TextSettings
from core.text.arrays import IntArray, ranks
from core.text.shuffle import permuted, round_keys
from core.text.split import Split

MMLM, TLM, XLCO = 0, 1, 2
TASKS: Final = ("mmlm", "tlm", "xlco")


def probabilities(sizes: IntArray, exponent: float) -> np.ndarray:
    """The probability of drawing each language or pair: n^exponent, normalised (paper: 0.7); 0 for an empty one."""
    weights = np.where(sizes > 0, np.asarray(sizes, dtype=np.float64) ** exponent, 0.0)
    return weights / weights.sum()


class Choice:
    """Draws of numbers with given probabilities, by bisection of their sums."""

    def __init__(self, p: np.ndarray) -> None:
        self._ends = np.cumsum(p)
        self._ends /= self._ends[-1:]

    def draw(self, rng: np.random.Generator, count: int) -> IntArray:
        """Numbers drawn with repetition: those that `rng.choice` gives, which adds up all probabilities each time."""
        return np.searchsorted(self._ends, rng.random(count), side="right")

    def others(self, rng: np.random.Generator, numbers: IntArray) -> IntArray:
        """For each number another one, drawn with the same probabilities; the same where there is no other."""
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
    """Endless visits of streams: in each epoch of a stream all its positions once, in a random order.

    Attributes:
        counts: int64 per stream, how many visits there were: the whole state.
    """

    def __init__(self, sizes: IntArray, seed: tuple[int, ...]) -> None:
        self._sizes, self._seed = sizes, seed
        self.counts = np.zeros(len(sizes), dtype=np.int64)
        # the keys of the epoch in which each stream was visited last
        self._epochs = np.full(len(sizes), -1)
        self._keys = np.zeros((len(sizes), 4), dtype=np.uint64)

    def next(self, streams: IntArray, from_end: bool = False) -> IntArray:
        """The next position of each of some streams, which may repeat; `from_end` with each epoch backwards."""
        sizes, visits = self._sizes[streams], self.counts[streams] + ranks(streams)
        np.add.at(self.counts, streams, 1)
        places = sizes - 1 - visits % sizes if from_end else visits % sizes
        return permuted(places, sizes, self._round_keys(streams, visits // sizes))

    def _round_keys(self, streams: IntArray, epochs: IntArray) -> np.ndarray:
        """[streams, 4]: the keys of the orders of these epochs."""
        orders, places = np.unique(np.stack([streams, epochs], axis=1), axis=0, return_inverse=True)
        streams, epochs = orders.T
        keys = self._keys[streams]
        for place in np.flatnonzero(self._epochs[streams] != epochs).tolist():
            keys[place] = round_keys((*self._seed, *orders[place].tolist()))
        # of a stream's epochs the latest comes last, and stays
        self._epochs[streams], self._keys[streams] = epochs, keys
        return keys[places]


@dataclass(frozen=True)
class Draw:
    """Rows of the corpus that one step sees; pairs are (source, target)."""

    mmlm: IntArray
    tlm: IntArray
    xlco: IntArray


class Sampler:
    """Draws the rows of each step; its whole state is one counter per language and task, or pair and task.

    Attributes:
        language_p: the probability of each language of a sentence.
        pair_p: the probability of each pair of languages.
    """

    def __init__(self, split: Split, settings: TextSettings, seed: int) -> None:
        self.split, self.seed = split, seed
        self.language_p = probabilities(split.singles.sizes, settings.exponent)
        self.pair_p = probabilities(split.pairs.sizes, settings.exponent) if len(split.pairs) else np.zeros(0)
        self._languages, self._pairs = Choice(self.language_p), Choice(self.pair_p)
        sizes = {MMLM: split.singles.sizes, TLM: split.pairs.sizes, XLCO: split.pairs.sizes}
        self._visits = {task: Visits(streams, (seed, task)) for task, streams in sizes.items()}

    def state(self) -> dict[str, int]:
        """The counters, as JSON can hold them."""
        return {
            f"{task}.{stream}": int(visits.counts[stream])
            for task, visits in self._visits.items()
            for stream in np.flatnonzero(visits.counts)
        }

    def restore(self, state: Mapping[str, int]) -> None:
        """Takes the counters of `state()` back."""
        for visits in self._visits.values():
            visits.counts[:] = 0
        for key, count in state.items():
            task, stream = map(int, key.split("."))
            self._visits[task].counts[stream] = count

    def draw(
        self,
        step: int,
        mmlm: int,
        tlm: int,
        xlco: int,
        together: int = 1,
        across: bool = False,
        from_end: bool = False,
    ) -> Draw:
        """Rows for a step: so many examples of each task; `from_end` the pairs that the first epoch reads last.

        A contrast example takes `together` pairs (2 when mixed): of the same two languages, which keep their sides,
        or with `across` each of other languages and with sides of its own.
        """
        empty = np.zeros((0, 2), dtype=np.int64)
        return Draw(
            self._draw_singles(step, mmlm) if mmlm else empty[:, 0],
            self._draw_pairs(step, TLM, tlm, 1, False, from_end) if tlm else empty,
            self._draw_pairs(step, XLCO, xlco, together, across, from_end) if xlco else empty,
        )

    def _draw_singles(self, step: int, examples: int) -> IntArray:
        rng = np.random.default_rng([self.seed, MMLM, step])
        streams = self._languages.draw(rng, examples)
        return self.split.singles.rows(streams, self._visits[MMLM].next(streams))

    def _draw_pairs(
        self, step: int, task: int, examples: int, together: int, across: bool, from_end: bool
    ) -> IntArray:
        """[examples * together, 2] rows, sides drawn."""
        rng = np.random.default_rng([self.seed, task, step])
        streams = np.repeat(self._pairs.draw(rng, examples)[:, None], together, axis=1)
        for slot in range(1, together if across else 1):
            streams[:, slot] = self._pairs.others(rng, streams[:, slot - 1])
        flat = streams.ravel()
        rows = self.split.pairs.rows(flat, self._visits[task].next(flat, from_end)).reshape(
            examples, together, 2
        )
        swap = rng.random((examples, together if across else 1, 1)) < 0.5
        return np.where(swap, rows[..., ::-1], rows).reshape(-1, 2)
