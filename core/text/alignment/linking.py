"""Writes the links between the tokens of all translations of a corpus; memory does not grow with their number."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from core.files import cached_folder
from core.progress import Progress, no_progress
from core.text.alignment.model import AlignmentSettings, LexicalTable, posteriors, train_lexicon
from core.text.alignment.pairs import CELLS, Cells, WordPairs
from core.text.alignment.table import COLUMNS, WHOLE, LinkTable, TableInfo
from core.text.arrays import IntArray, concatenated_ranges, ranks
from core.text.encoded import EncodedCorpus, Rows
from core.text.translations import Translations

SETTINGS: Final = AlignmentSettings()
MOST_LINKS: Final = 3
"""Links of a token that are stored, those of the highest posterior."""
LEAST: Final = 0.05
"""Posteriors up to this are not stored."""
LEARNED_FROM: Final = 50_000
"""Translations of a pair of languages that the aligner learns from, at most, evenly spaced; it links them all."""
NO_LINKS: Final = np.zeros(0, dtype=np.int64)
Lexica = tuple[LexicalTable, LexicalTable]
"""theta from the first language to the second, and back."""


class Links(NamedTuple):
    """Links in columns: the segment (twice the number of the sentence pair, plus the side), tokens and posterior."""

    segment: IntArray
    token: IntArray
    linked: IntArray
    posterior: np.ndarray


def link_table(
    corpus: EncodedCorpus, pivot: str | None, vocabulary: int, progress: Progress = no_progress
) -> LinkTable:
    """Links the tokens of all translations of a corpus, or opens the links that an earlier call of any process wrote.

    The table lies beside the ids of the corpus and is written once for each pivot.

    Args:
        corpus: the ids.
        pivot: one side of every pair of languages; None: all pairs.
        vocabulary: number of ids.
        progress: reports rounds of the aligner.
    """
    translations = corpus.index.translations(None if pivot is None else corpus.languages.index(pivot))
    return cached_folder(
        corpus.folder / f"links-{'all' if pivot is None else corpus.languages.index(pivot)}",
        lambda folder: LinkTable(folder, corpus, translations),
        lambda folder: write_links(folder, corpus, translations, vocabulary, progress),
    )


def write_links(
    folder: Path,
    corpus: EncodedCorpus,
    translations: Translations,
    vocabulary: int,
    progress: Progress = no_progress,
) -> None:
    """Writes the links of translations into a folder, pair of languages after pair of languages."""
    rounds, links = 2 * SETTINGS.iterations + 1, 0
    total = rounds * len(translations.languages)
    with ExitStack() as opened:
        files = {
            name: opened.enter_context((folder / f"{name}.bin").open("wb")) for name in ("starts", *COLUMNS)
        }
        np.zeros(1, dtype=np.int64).tofile(files["starts"])
        for number, (begin, end) in enumerate(pairwise(translations.bounds.tolist())):
            rows = translations.rows[begin:end]

            def report(phase: str, done: float, of: float, number: int = number) -> None:
                progress(phase, number * rounds + done, total)

            lexica = _learned(corpus, rows, vocabulary, report)
            for counts, block in _linked(corpus, rows, lexica, vocabulary):
                (links + np.cumsum(counts)).tofile(files["starts"])
                for name, dtype in COLUMNS.items():
                    getattr(block, name).astype(dtype).tofile(files[name])
                links += len(block.segment)
            report("aligning", rounds, rounds)
    info = TableInfo(format=1, translations=len(translations.rows), links=links)
    (folder / "links.json").write_text(info.model_dump_json(), encoding="utf-8")


def _learned(corpus: EncodedCorpus, rows: IntArray, vocabulary: int, progress: Progress) -> Lexica | None:
    """The lexica of both directions; None where no pair has a token on both sides."""
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), LEARNED_FROM)).astype(np.int64)]
    pairs = _token_pairs(corpus, sample, vocabulary)
    if not (pairs.source.lengths * pairs.target.lengths).any():
        return None
    forward = train_lexicon(pairs, SETTINGS, progress)
    backward = train_lexicon(
        pairs.reversed, SETTINGS, lambda phase, done, of: progress(phase, of + done, 2 * of)
    )
    return forward, backward


def _token_pairs(corpus: EncodedCorpus, rows: IntArray, vocabulary: int) -> WordPairs:
    """Sentence pairs as ids without `<s>` and `</s>`; ids begin above the number of `NULL`."""
    source, target = (_ordinary(corpus, np.asarray(rows[:, side])) for side in (0, 1))
    return WordPairs(source, target, vocabulary, vocabulary)


def _ordinary(corpus: EncodedCorpus, rows: IntArray) -> Rows:
    lengths = corpus.lengths_of(rows, np.iinfo(np.int64).max) - 2
    places = concatenated_ranges(np.ones(len(rows), dtype=np.int64), lengths)
    return Rows(corpus.tokens_at(np.repeat(rows, lengths), places).astype(np.int64), lengths)


def _linked(
    corpus: EncodedCorpus, rows: IntArray, lexica: Lexica | None, vocabulary: int
) -> Iterator[tuple[IntArray, Links]]:
    """Yields the links of some translations at a time, in order, and how many links each segment has."""
    cells = corpus.lengths_of(rows[:, 0], CELLS) * corpus.lengths_of(rows[:, 1], CELLS)
    ends, begin = np.cumsum(cells), 0
    while begin < len(rows):
        before = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + CELLS, side="right")))
        pairs = _token_pairs(corpus, rows[begin:end], vocabulary)
        parts = [Links(NO_LINKS, NO_LINKS, NO_LINKS, NO_LINKS)]
        if lexica is not None:
            # a token of side 0 is generated by side 1
            parts = [_best_links(pairs.reversed, lexica[1], 0), _best_links(pairs, lexica[0], 1)]
        links = Links(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        order = np.lexsort((links.token, links.segment))
        yield (
            np.bincount(links.segment, minlength=2 * len(pairs)),
            Links(*(column[order] for column in links)),
        )
        begin = end


def _best_links(pairs: WordPairs, lexicon: LexicalTable, side: int) -> Links:
    """The links of each target token with the highest posteriors."""
    cells = Cells.of(pairs, np.arange(len(pairs)))
    posterior, _ = posteriors(cells, lexicon, SETTINGS)
    word = np.repeat(np.arange(len(cells.starts)), cells.sizes + 1)
    likely = np.flatnonzero((posterior > LEAST) & (cells.source_place >= 0))
    order = likely[np.lexsort((-posterior[likely], word[likely]))]
    order = order[ranks(word[order]) < MOST_LINKS]
    owner = np.repeat(np.arange(len(pairs)), cells.num_words)
    place = concatenated_ranges(np.zeros(len(pairs), dtype=np.int64), cells.num_words)
    return Links(
        2 * owner[word[order]] + side,
        place[word[order]],
        cells.source_place[order],
        np.floor(posterior[order] * WHOLE),
    )
