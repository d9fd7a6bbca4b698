"""A shared vocabulary from a corpus: samples, a curve for each language in its own process, allocation, mixture."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.progress import Progress, no_progress
from core.text.corpus import Corpus
from core.text.tokenizer import SPECIAL, Tokenizer, unigram_tokenizer
from core.text.vocabulary.allocation import (
    Allocated,
    Step,
    equal_sizes,
    language_weights,
    objective,
    smallest_union,
    vocap_sizes,
)
from core.text.vocabulary.curves import Curve, language_curve, size_grid
from core.text.vocabulary.mixture import mixture_scores
from core.text.vocabulary.samples import read_lines, write_samples
from core.text.vocabulary.unigram import CountedPieces, train_unigram
from core.text.vocabulary.words import count_words, mixed_words
from core.text.vocabulary.workers import in_processes
from core.vocabulary_settings import TokenizerSettings

RESERVED: Final = len(SPECIAL) + 1
"""Tokens that are no pieces: the special ones, with `<mask>`."""
EVERYTHING: Final = 2**62
"""Room for the largest vocabularies of all languages."""
FEW_LINES: Final = 5_000
"""Below so many lines a process of its own takes longer to begin than to do its work."""


@dataclass(frozen=True)
class SharedVocabulary:
    """A tokenizer with what it was made from.

    Attributes:
        tokenizer: of all languages.
        curves: of each language; none of a joint vocabulary.
        allocated: how much each language has got; None of a joint vocabulary.
        weights: of the languages, summing to 1.
        path: the steps of VoCap until every language has its largest vocabulary.
        paths: the same where gains are weighted with other betas, by beta.
        smallest: pieces of all languages together where each has its smallest vocabulary.
    """

    tokenizer: Tokenizer
    curves: tuple[Curve, ...]
    allocated: Allocated | None
    weights: dict[str, float]
    path: tuple[Step, ...] = ()
    smallest: int = 0
    paths: Mapping[float, tuple[Step, ...]] = field(default_factory=dict[float, tuple[Step, ...]])

    def document(self) -> dict[str, Any]:
        """What is kept beside the tokenizer, and printed: sizes, curves, what was infeasible and why."""
        if self.allocated is None:
            return {"allocation": {}, "weights": self.weights, "vocabulary": self.tokenizer.size}
        return {
            "allocation": self.allocated.sizes,
            "vocabulary": self.tokenizer.size,
            "pieces": self.allocated.union,
            "shared_pieces": self.allocated.shared,
            "price": self.allocated.price,
            "objective_nats": objective(self.curves, self.weights, self.allocated.sizes),
            "exhausted": list(self.allocated.exhausted),
            "weights": self.weights,
            "smallest_pieces": self.smallest,
            "curves": {
                curve.language: {
                    "sizes": curve.sizes,
                    "alp": curve.alp,
                    "hull": curve.hull,
                    "characters": curve.characters,
                    "infeasible": {str(size): reason for size, reason in curve.infeasible.items()},
                }
                for curve in self.curves
            },
            # whatever the room and the allocation: what every price would buy
            "path": [vars(step) for step in self.path],
            "paths": {str(beta): [vars(step) for step in path] for beta, path in self.paths.items()},
        }


def build_vocabulary(
    corpus: Corpus,
    settings: TokenizerSettings,
    byte_fallback: bool = False,
    progress: Progress = no_progress,
    processes: int | None = None,
    betas: Sequence[float] = (),
) -> SharedVocabulary:
    """Trains the unigram vocabulary that the settings describe; the same on every machine and number of processes.

    Each language is read in an equal part of `settings.sentences`, or whole where it has less.

    Args:
        corpus: text of the languages.
        settings: of the tokenizer.
        byte_fallback: adds 256 pieces for bytes, beyond `settings.vocabulary`.
        progress: reports languages done and in all.
        processes: at once; default: as many as there are processors.
        betas: other exponents to find the path of VoCap for, on the same curves.

    Raises:
        InputError: a language has no text, or the vocabulary has no room for the smallest ones of all languages.
    """
    weights = language_weights(corpus.info.languages, settings.alpha, settings.beta)
    room = settings.vocabulary - RESERVED
    with TemporaryDirectory() as scratch:
        most = max(1, settings.sentences // len(weights))
        samples = write_samples(corpus, Path(scratch), most)
        if settings.allocation == "joint":
            scores = _joint_scores(samples, weights, room, progress)
            return SharedVocabulary(unigram_tokenizer(scores, byte_fallback), (), None, weights)
        step = settings.step or max(1, room // (5 * len(weights)))
        jobs = [
            _Job(tag, path, tuple(size_grid(step, settings.sizes)), settings.train_each_size)
            for tag, path in samples.items()
        ]
        few = sum(min(most, count) for count in corpus.info.languages.values()) < FEW_LINES
        curves = _curves(jobs, 1 if few and processes is None else processes, progress)
        gained = [curve.per_character() if settings.gain == "character" else curve for curve in curves]
        sizes = (
            vocap_sizes(gained, weights, room)
            if settings.allocation == "vocap"
            else equal_sizes(gained, room)
        )
        languages = {
            curve.language: _read_point(
                samples[curve.language], curve.sizes.index(sizes.sizes[curve.language])
            )
            for curve in curves
        }
    tokenizer = unigram_tokenizer(mixture_scores(languages, weights), byte_fallback)

    def path(beta: float) -> tuple[Step, ...]:
        weights_of_beta = language_weights(corpus.info.languages, settings.alpha, beta)
        return vocap_sizes(gained, weights_of_beta, EVERYTHING).steps

    return SharedVocabulary(
        tokenizer,
        tuple(curves),
        sizes,
        weights,
        path(settings.beta),
        smallest_union(gained),
        {beta: path(beta) for beta in betas},
    )


def _joint_scores(
    samples: Mapping[str, Path], weights: Mapping[str, float], room: int, progress: Progress
) -> dict[str, float]:
    """One unigram model of all languages, on their words in the proportion of their weights."""
    parts = list[Any]()
    for number, path in enumerate(samples.values()):
        parts.append(count_words(read_lines(path)))
        progress("vocabulary", number + 1, len(samples) + 1)
    scores = train_unigram(mixed_words(parts, [weights[tag] for tag in samples]), room)
    progress("vocabulary", len(samples) + 1, len(samples) + 1)
    return scores


@dataclass(frozen=True)
class _Job:
    """One language's work."""

    language: str
    sample: Path
    sizes: tuple[int, ...]
    train_each_size: bool

    def run(self) -> Curve:
        """The curve; its vocabularies with their counts are written beside the sample."""
        words = count_words(read_lines(self.sample))
        with pq.ParquetWriter(_points_of(self.sample), SCHEMA) as file:

            def keep(point: CountedPieces) -> None:
                names, counts = ["", *point.pieces], [point.unknown, *point.counts.tolist()]
                columns = [pa.array(names, pa.string()), pa.array(counts, pa.int64())]
                # one row group for each, so that one can be read without the others
                file.write_table(pa.table(columns, schema=SCHEMA), row_group_size=len(names))

            return language_curve(self.language, words, self.sizes, keep, self.train_each_size)


SCHEMA: Final = pa.schema([("piece", pa.string()), ("count", pa.int64())])


def _points_of(sample: Path) -> Path:
    return sample.with_suffix(".parquet")


def _read_point(sample: Path, place: int) -> CountedPieces:
    """The vocabulary of one place of the curve; its first row counts unknown characters."""
    table: Any = pq.ParquetFile(_points_of(sample)).read_row_group(place)
    pieces, counts = table.column("piece").to_pylist(), table.column("count").to_numpy()
    return CountedPieces(tuple(pieces[1:]), np.asarray(counts[1:]), int(counts[0]))


def _curves(jobs: Sequence[_Job], processes: int | None, progress: Progress) -> list[Curve]:
    """The curves of all languages, in the order of the jobs."""
    workers = min(len(jobs), processes or os.cpu_count() or 1)
    done = dict[str, Curve]()
    for curve in _one_by_one(jobs) if workers == 1 else in_processes([job.run for job in jobs], workers):
        done[curve.language] = curve
        progress("vocabulary", len(done), len(jobs))
    return [done[job.language] for job in jobs]


def _one_by_one(jobs: Sequence[_Job]) -> Iterator[Curve]:
    for job in jobs:
        yield job.run()
