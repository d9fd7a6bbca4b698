"""Frequencies of tokens in the sentences of a world; the entropy of their distribution is H(token)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lab.world.distribution import entropy
from lab.world.template import Piece, render
from lab.world.verbaliser import Verbaliser
from lab.world.world import World

LARGEST_RUN = 20_000  # a stretch with more fillings than this is sampled
SAMPLED = 4_000


class TokenRun(NamedTuple):
    """Texts of a stretch of sentences, with the frequency of the stretch and the probability of each text."""

    weight: float
    texts: list[str]
    p: np.ndarray
    exact: bool


class Sampled(NamedTuple):
    """Token ids of sampled texts, for the standard error of sampling."""

    weight: float
    ids: list[np.ndarray]


@dataclass(frozen=True)
class Frequencies:
    """Expected number of each token in a sentence of each language, `<s>` and `</s>` left out."""

    counts: dict[str, np.ndarray]  # (size,) per language
    samples: dict[str, list[Sampled]]

    def entropy(self, languages: Mapping[str, float]) -> tuple[float, float]:
        """H(token) in nats for these shares of languages, with its standard error (0 if exact).

        A token is masked with the same probability everywhere, so the weight of a language is its share times the mean
        length of its sentences.
        """
        counts = np.sum([share * self.counts[tag] for tag, share in languages.items()], axis=0)
        p = counts / counts.sum()
        nats = entropy(p)
        slope = np.where(p > 0, -np.log(np.where(p > 0, p, 1.0)) - nats, 0.0) / counts.sum()
        variance = 0.0
        for tag, share in languages.items():
            for weight, ids in self.samples[tag]:
                scores = np.array([slope[row].sum() for row in ids])
                variance += (share * weight) ** 2 * scores.var(ddof=1) / len(scores)
        return nats, float(np.sqrt(variance))


def token_frequencies(world: World, tokenizer, seed: int = 0) -> Frequencies:
    """Token frequencies of all languages of a world.

    Frequencies are exact where the tokenizer cuts at spaces, because a sentence is then a run of short stretches with
    independent tokens. Stretches with very many fillings (a whole sentence, where there are no spaces) and sentences
    of two facts are sampled.
    """
    rng = np.random.default_rng(seed)
    counts: dict[str, np.ndarray] = {}
    samples: dict[str, list[Sampled]] = {}
    for tag, verbaliser in world.verbalisers.items():
        runs = _runs(world, verbaliser, rng) if world.num_facts == 1 else _whole(world, tag, rng)
        counts[tag], samples[tag] = _count(runs, tokenizer)
    return Frequencies(counts, samples)


def _count(runs: Iterator[TokenRun], tokenizer) -> tuple[np.ndarray, list[Sampled]]:
    mean = np.zeros(tokenizer.size)
    samples = []
    for run in runs:
        ids = [row[1:-1] for row in tokenizer.encode(run.texts)]
        p = np.repeat(run.p, [len(row) for row in ids])
        mean += run.weight * np.bincount(np.concatenate(ids), weights=p, minlength=tokenizer.size)
        if not run.exact:
            samples.append(Sampled(run.weight, ids))
    return mean, samples


def _runs(world: World, verbaliser: Verbaliser, rng: np.random.Generator) -> Iterator[TokenRun]:
    language = verbaliser.language
    for row, templates in enumerate(verbaliser.templates):
        weight = float(world.distribution.relation[row]) / len(templates)
        for pieces in templates:
            whole = [*pieces, Piece((), np.array(language.end, dtype=object))]
            for number, stretch in enumerate(_stretches(whole)):
                texts, p, exact = _fillings(stretch, world.distribution.slots[row], rng)
                if number == 0:
                    texts = [language.finish(text).removesuffix(language.end) for text in texts]
                yield TokenRun(weight, texts, p, exact)


def _stretches(pieces: Sequence[Piece]) -> list[Sequence[Piece]]:
    """Pieces cut into stretches wherever a piece ends with a space in all its texts."""
    cuts = [
        i + 1 for i, piece in enumerate(pieces[:-1]) if all(str(t).endswith(" ") for t in piece.table.flat)
    ]
    return [pieces[a:b] for a, b in pairwise([0, *cuts, len(pieces)])]


def _fillings(
    stretch: Sequence[Piece], slots: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[list[str], np.ndarray, bool]:
    """The texts of a stretch with their probabilities: all of them, or a sample."""
    used = sorted({slot for piece in stretch for slot in piece.slots})
    sizes = [len(slots[slot]) for slot in used]
    total = int(np.prod(sizes))
    exact = total <= LARGEST_RUN
    if exact:
        columns = np.indices(sizes).reshape(len(used), -1) if used else np.empty((0, 1), dtype=np.int64)
        p = np.prod([slots[slot][column] for slot, column in zip(used, columns, strict=True)], axis=0)
    else:
        columns = [rng.choice(len(slots[slot]), SAMPLED, p=slots[slot]) for slot in used]
        p = np.full(SAMPLED, 1 / SAMPLED)
    fillers = np.zeros((total if exact else SAMPLED, len(slots)), dtype=np.int64)
    for slot, column in zip(used, columns, strict=True):
        fillers[:, slot] = column
    return list(render(stretch, fillers)), np.broadcast_to(p, len(fillers)), exact


def _whole(world: World, tag: str, rng: np.random.Generator) -> Iterator[TokenRun]:
    meanings = world.draw(SAMPLED, int(rng.integers(2**62)), without_replacement=False)
    texts = [world.sentence(int(meaning), tag, rng) for meaning in meanings]
    yield TokenRun(1.0, texts, np.full(SAMPLED, 1 / SAMPLED), False)
