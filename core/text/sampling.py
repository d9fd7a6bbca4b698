"""Which sentences a step sees: languages and pairs drawn with p ~ n^exponent, each stream visited without repetition.

Every draw is a pure function of the seed, the step and a few counters, so a run resumes exactly, on any
number of processes, by restoring the counters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from core.config import TextSettings
from core.errors import InputError
from core.text.encoded import EncodedCorpus
from core.text.index import PIECE, Index, IntArray

MMLM, TLM, XLCO = 0, 1, 2
TASKS: Final = ("mmlm", "tlm", "xlco")


def probabilities(sizes: IntArray, exponent: float) -> np.ndarray:
    """Of drawing each language or pair: n^exponent, normalised (the paper's exponent is 0.7)."""
    weights = np.asarray(sizes, dtype=np.float64) ** exponent
    return weights / weights.sum()


class Shuffle:
    """A random order of 0 ... n-1 that is computed where it is asked for and stored nowhere.

    A four-round Feistel network on the bits of the position, walked until it falls below n (Black and
    Rogaway 2002): a permutation, whatever the round function.
    """

    def __init__(self, n: int, seed: tuple[int, ...]) -> None:
        self.n = n
        self._half = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
        self._keys = np.random.SeedSequence(seed).generate_state(4, np.uint64)

    def __getitem__(self, positions: IntArray) -> IntArray:
        values = np.asarray(positions, dtype=np.uint64).copy()
        outside = np.ones(len(values), dtype=bool)
        while outside.any():
            values[outside] = self._scramble(values[outside])
            outside = values >= self.n
        return values.astype(np.int64)

    def _scramble(self, values: np.ndarray) -> np.ndarray:
        half, low = np.uint64(self._half), np.uint64((1 << self._half) - 1)
        left, right = values >> half, values & low
        for key in self._keys:
            mixed = (right ^ key) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ ((mixed >> np.uint64(32)) & low)
        return (left << half) | right


class Kept:
    """The elements of a memory-mapped array but for a few, which are skipped where it is read: no copy is made."""

    def __init__(self, values: IntArray, left_out: IntArray) -> None:
        self._values = values
        # how many kept elements lie before each that is left out
        self._before = np.sort(left_out) - np.arange(len(left_out))

    def __len__(self) -> int:
        return len(self._values) - len(self._before)

    def __getitem__(self, positions: IntArray) -> IntArray:
        return np.asarray(self._values[positions + np.searchsorted(self._before, positions, side="right")])


@dataclass(frozen=True)
class Pair:
    """Translations between two languages: `rows` is [n, 2], sentences of the corpus that translate each other."""

    first: int
    second: int
    rows: Kept


@dataclass(frozen=True)
class Split:
    """The sentences of each language and of each pair that training may see, and the meanings it may not."""

    singles: list[Kept]
    pairs: list[Pair]
    held_out: IntArray


def split(corpus: EncodedCorpus, settings: TextSettings, seed: int, needs_pairs: bool) -> Split:
    """Keeps some meanings from training, by language and by pair.

    Raises:
        InputError: the pivot is not among the languages, or no two languages share a meaning.
    """
    languages, index = corpus.languages, corpus.index
    if needs_pairs and settings.pivot is not None and len(languages) > 1 and settings.pivot not in languages:
        raise InputError(
            f"text.pivot is {settings.pivot}, but the corpus has {' '.join(languages)}: name one, or None"
        )
    held_out = _hold_out(index, settings.held_out, seed)
    singles = [
        Kept(rows, np.searchsorted(rows, index.rows_of(language, held_out)))
        for language, rows in enumerate(index.rows)
    ]
    pivoted = settings.pivot is None or settings.pivot in languages
    pivot = languages.index(settings.pivot) if settings.pivot in languages else None
    pairs: list[Pair] = []
    for (first, second), rows in (index.translations(pivot) if pivoted else {}).items():
        kept = Kept(rows, _places(corpus.meaning, rows[:, 0], held_out))
        if len(kept):
            pairs.append(Pair(first, second, kept))
    if needs_pairs and not pairs:
        raise InputError(
            f"TLM and XLCO learn from translations, but no two languages of {' '.join(languages)} share a meaning"
            f"{f' with the pivot {settings.pivot}' if settings.pivot and len(languages) > 1 else ''}: "
            "add translations, or train with --tlm.no-enabled --contrast.no-enabled"
        )
    return Split(singles, pairs, held_out)


def _places(meaning: IntArray, rows: IntArray, wanted: IntArray) -> IntArray:
    """Where rows, which lie in the order of their meanings, have some of those: by bisection, reading few of them."""
    low, high = np.zeros(len(wanted), dtype=np.int64), np.full(len(wanted), len(rows))
    while (open_ := low < high).any():
        middle = np.minimum((low + high) // 2, len(rows) - 1)
        below = meaning[rows[middle]] < wanted
        low, high = np.where(open_ & below, middle + 1, low), np.where(open_ & ~below, middle, high)
    found = low[low < len(rows)]
    return found[meaning[rows[found]] == wanted[low < len(rows)]]


def _hold_out(index: Index, count: int, seed: int) -> IntArray:
    """Meanings told in the most languages first, so that every pair can be measured; a fifth of all at most."""
    distinct = len(index.meanings)
    if distinct < 5:
        raise InputError(
            f"expected at least 5 meanings, so that one can be held out, got {distinct}: add text"
        )
    order = np.random.default_rng([seed, 7]).permutation(distinct)
    candidates = (
        number
        for languages in range(int(index.told_in.max()), 0, -1)
        for piece in np.split(order, range(PIECE, distinct, PIECE))
        for number in piece[index.told_in[piece] == languages]
    )
    chosen = np.fromiter(islice(candidates, min(count, distinct // 5)), dtype=np.int64)
    return np.sort(index.meanings[chosen])


@dataclass(frozen=True)
class Draw:
    """Rows of the corpus that one step sees; pairs are (source, target)."""

    mmlm: IntArray
    tlm: IntArray
    xlco: IntArray


class Sampler:
    """Draws the rows of each step; its whole state is one counter per language and task, or pair and task."""

    def __init__(self, split: Split, settings: TextSettings, seed: int) -> None:
        self.split, self.seed = split, seed
        self.language_p = probabilities(np.array([len(rows) for rows in split.singles]), settings.exponent)
        sizes = np.array([len(pair.rows) for pair in split.pairs])
        self.pair_p = probabilities(sizes, settings.exponent) if len(sizes) else np.zeros(0)
        self._seen: dict[tuple[int, int], int] = {}

    def state(self) -> dict[str, int]:
        """The counters, as JSON can hold them."""
        return {f"{task}.{stream}": seen for (task, stream), seen in sorted(self._seen.items())}

    def restore(self, state: Mapping[str, int]) -> None:
        """Takes the counters of `state()` back."""
        self._seen = {(int(key.split(".")[0]), int(key.split(".")[1])): seen for key, seen in state.items()}

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
            self._singles(step, mmlm) if mmlm else empty[:, 0],
            self._pairs(step, TLM, tlm, 1, False, from_end) if tlm else empty,
            self._pairs(step, XLCO, xlco, together, across, from_end) if xlco else empty,
        )

    def _singles(self, step: int, examples: int) -> IntArray:
        rng = np.random.default_rng([self.seed, MMLM, step])
        chosen = rng.choice(len(self.language_p), size=examples, p=self.language_p)
        rows = np.empty(examples, dtype=np.int64)
        for stream in np.unique(chosen):
            at = np.flatnonzero(chosen == stream)
            rows[at] = self.split.singles[stream][
                self._next(MMLM, int(stream), len(at), len(self.split.singles[stream]))
            ]
        return rows

    def _pairs(
        self, step: int, task: int, examples: int, together: int, across: bool, from_end: bool
    ) -> IntArray:
        """[examples * together, 2] rows, sides drawn."""
        rng = np.random.default_rng([self.seed, task, step])
        chosen = rng.choice(len(self.pair_p), size=examples, p=self.pair_p)
        streams = np.repeat(chosen[:, None], together, axis=1)
        for slot in range(1, together if across else 1):
            streams[:, slot] = self._other(streams[:, slot - 1], rng)
        rows = np.empty((examples, together, 2), dtype=np.int64)
        for stream in np.unique(streams):
            pair, at = self.split.pairs[stream], streams == stream
            rows[at] = pair.rows[self._next(task, int(stream), int(at.sum()), len(pair.rows), from_end)]
        swap = rng.random((examples, together if across else 1, 1)) < 0.5
        return np.where(swap, rows[..., ::-1], rows).reshape(-1, 2)

    def _other(self, chosen: IntArray, rng: np.random.Generator) -> IntArray:
        """For each pair of languages another one, drawn with the same weights; itself where there is only one."""
        if len(self.pair_p) == 1:
            return chosen
        cumulative = np.cumsum(np.where(np.eye(len(self.pair_p), dtype=bool), 0.0, self.pair_p), axis=1)
        cumulative /= cumulative[:, -1:]
        return (rng.random((len(chosen), 1)) >= cumulative[chosen]).sum(1)

    def _next(self, task: int, stream: int, count: int, size: int, from_end: bool = False) -> IntArray:
        """The next positions of an endless stream that visits all of 0 ... size-1 once per epoch, or backwards."""
        start = self._seen.get((task, stream), 0)
        self._seen[task, stream] = start + count
        positions = np.arange(start, start + count)
        found = np.empty(count, dtype=np.int64)
        for epoch in np.unique(positions // size):
            inside = positions // size == epoch
            places = positions[inside] % size
            places = size - 1 - places if from_end else places
            found[inside] = Shuffle(size, (self.seed, task, stream, int(epoch)))[places]
        return found
