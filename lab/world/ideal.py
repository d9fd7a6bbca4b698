"""The ideal reader: the exact posterior of masked tokens given the visible tokens of a sentence or a pair."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from lab.world.frequency import Frequencies, token_frequencies
from lab.world.pattern import Pattern, Vocabulary
from lab.world.reading import WorldReader
from lab.world.world import World

SPACE = "▁"
SPECIAL, UNKNOWN = 4, 3  # ids below SPECIAL are <s> <pad> </s> <unk>
CACHED_TEXTS = 300_000

LanguageDistribution = Mapping[tuple[str, ...], float]
"""Probability of the language of a sentence, `("en",)`, or of the ordered languages of a pair, `("en", "fr")`."""


class TokenEncoder(Protocol):
    """The part of a tokenizer that the ideal reader uses; `core.text.tokenizer.Tokenizer` has it."""

    mask_id: int
    size: int
    backend: object

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]: ...
    def tokens(self, ids: Iterable[int]) -> list[str]: ...


@dataclass(frozen=True)
class Candidate:
    """A whole sentence that agrees with the visible tokens; `share` is P(wording | language, meaning)."""

    language: str
    meaning: int
    share: float
    ids: np.ndarray


class IdealReader:
    """Computes posteriors from the world, its distribution and its tokenizer, given the input of a model.

    Visible tokens are first matched as text, which is cheap and gives a superset. Then every candidate sentence is
    tokenised whole and compared token by token. So nothing is presumed about how a tokenizer cuts: words may take
    different numbers of tokens, and languages without spaces may be cut anywhere.
    """

    def __init__(self, world: World, tokenizer: TokenEncoder) -> None:
        self.world, self.tokenizer = world, tokenizer
        self._reader = WorldReader(world.verbalisers, world.num_facts, self._write, begin=SPACE)
        pieces = tokenizer.tokens(range(SPECIAL, tokenizer.size))
        self._vocabulary = Vocabulary(pieces, self._reader.characters)
        self._ids: dict[str, np.ndarray] = {}

    def _write(self, text: str) -> str:
        """The tokenizer's normal form of a text with visible spaces; letters at both ends prevent stripping."""
        normalizer = getattr(self.tokenizer.backend, "normalizer", None)
        normal = normalizer.normalize_str(f"x{text}x")[1:-1] if normalizer else text
        return normal.replace(" ", SPACE)

    @cached_property
    def _probabilities(self) -> np.ndarray:
        rows = range(len(self.world.facts.relations))
        return np.concatenate([self.world.distribution.probabilities(row) for row in rows])

    @cached_property
    def frequencies(self) -> Frequencies:
        """Frequencies of tokens in each language; they take seconds, so they are computed once."""
        return token_frequencies(self.world, self.tokenizer)

    def probability(self, meaning: int) -> float:
        """P(meaning)."""
        if self.world.num_facts == 1:
            return float(self._probabilities[meaning])
        first_fact, second_fact = divmod(meaning, self.world.facts.total)
        return float(self._probabilities[first_fact] * self._probabilities[second_fact])

    def pattern(self, ids: np.ndarray) -> Pattern:
        """The text of the visible tokens, with gaps where tokens are masked or unknown."""
        literals: list[str] = [""]
        counts: list[int] = []
        inner = ids[1:-1].tolist()
        for token, written in zip(inner, self.tokenizer.tokens(inner), strict=True):
            if token not in (self.tokenizer.mask_id, UNKNOWN):
                literals[-1] += written
            elif counts and not literals[-1]:
                counts[-1] += 1
            else:
                literals.append("")
                counts.append(1)
        return Pattern(tuple(literals), tuple(counts), self._vocabulary)

    def candidates(self, ids: np.ndarray) -> list[Candidate]:
        """Every sentence of the world that agrees with the visible tokens `ids`, `<s>` ... `</s>`."""
        readings = list(self._reader.read(self.pattern(ids)))
        encoded = self._encode([reading.text for reading in readings])
        visible = ids != self.tokenizer.mask_id
        return [
            Candidate(reading.language, reading.meaning, reading.share, whole)
            for reading, whole in zip(readings, encoded, strict=True)
            if len(whole) == len(ids) and np.array_equal(whole[visible], ids[visible])
        ]

    def _encode(self, texts: list[str]) -> list[np.ndarray]:
        if len(self._ids) > CACHED_TEXTS:
            self._ids.clear()
        new = [text for text in dict.fromkeys(texts) if text not in self._ids]
        plain = [text.removeprefix(SPACE).replace(SPACE, " ") for text in new]
        self._ids.update(zip(new, self.tokenizer.encode(plain), strict=True))
        return [self._ids[text] for text in texts]

    def posteriors(
        self, sides: Sequence[np.ndarray], shares: LanguageDistribution
    ) -> list[list[dict[int, float]]]:
        """P(token | all visible tokens) at each masked position of one or two sides.

        Args:
            sides: ids `<s>` ... `</s>` with `<mask>` for hidden tokens; two sides translate each other with
                probability 1 - noise.
            shares: probability of the language of the side, or of the ordered languages of the two sides.
        """
        candidates = [self.candidates(side) for side in sides]
        assert all(candidates), "what is visible was not written by this world"
        weights = (
            [self._weights(candidates[0], shares)]
            if len(sides) == 1
            else self._pair_weights(candidates, shares)
        )
        return [self._tokens(*triple) for triple in zip(sides, candidates, weights, strict=True)]

    def _weights(self, candidates: list[Candidate], shares: LanguageDistribution) -> np.ndarray:
        return np.array(
            [shares.get((c.language,), 0.0) * self.probability(c.meaning) * c.share for c in candidates]
        )

    def _pair_weights(
        self, candidates: list[list[Candidate]], shares: LanguageDistribution
    ) -> list[np.ndarray]:
        """P(candidate, all visible tokens) for the candidates of each side, summed over those of the other side."""
        swapped = {(b, a): share for (a, b), share in shares.items()}
        return [
            self._side_weights(candidates[0], candidates[1], shares),
            self._side_weights(candidates[1], candidates[0], swapped),
        ]

    def _side_weights(
        self, candidates: list[Candidate], other_candidates: list[Candidate], shares: LanguageDistribution
    ) -> np.ndarray:
        noise = self.world.settings["noise"]
        same: dict[tuple[str, int], float] = defaultdict(float)
        any_meaning: dict[str, float] = defaultdict(float)
        for c in other_candidates:
            same[c.language, c.meaning] += c.share
            any_meaning[c.language] += c.share * self.probability(c.meaning)
        weights = []
        for c in candidates:
            fit = sum(
                shares.get((c.language, tag), 0.0)
                * ((1 - noise) * same.get((tag, c.meaning), 0.0) + noise * total)
                for tag, total in any_meaning.items()
            )
            weights.append(c.share * self.probability(c.meaning) * fit)
        return np.array(weights)

    def _tokens(
        self, ids: np.ndarray, candidates: list[Candidate], weights: np.ndarray
    ) -> list[dict[int, float]]:
        posteriors = []
        for position in np.flatnonzero(ids == self.tokenizer.mask_id):
            mass: dict[int, float] = defaultdict(float)
            for c, weight in zip(candidates, weights / weights.sum(), strict=True):
                if weight:
                    mass[int(c.ids[position])] += float(weight)
            posteriors.append(dict(mass))
        return posteriors
