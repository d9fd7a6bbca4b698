"""`lab vocabulary TOKENIZER...`: what a vocabulary costs each language; with `--allocate`, a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tyro

from core.errors import InputError
from lab import store
from lab.cli import parse as parse_words
from lab.cli import vocabulary_allocation
from lab.cli.console import bars, errors, out, table

if TYPE_CHECKING:
    import pandas as pd

    from core.text.vocabulary.published import PublishedTokenizer

TABLES: Final = {
    "compares languages": (
        ("parity", "tokens / reference's"),
        ("nats_parity", "nats / reference's"),
        ("meanings_in_budget", "meanings in budget"),
    ),
    "compares tokenizers on one language, not languages": (
        ("alp_line", "ALP, nats a line"),
        ("alp_character", "nats a character"),
        ("fertility", "tokens a word"),
    ),
    "shares of tokens, in %": (
        ("unknown", "unknown"),
        ("byte", "bytes"),
        ("character", "characters"),
        ("own", "of own pieces"),
        ("own_pieces", "own pieces"),
        ("renyi", "Renyi"),
    ),
}
"""Metrics of each printed table, with their headings; --json holds all metrics with all intervals."""
PERCENT: Final = ("unknown", "byte", "character", "own", "renyi")
EXAMPLE_CHARACTERS: Final = 60


@dataclass(frozen=True)
class Command:
    """Measures what the vocabulary of a tokenizer costs each language, with 95 % intervals over meanings.

    Tokens and nats are compared with those of a reference language on the same meanings: parity 1.5 means that a
    language needs half as many tokens again to say the same, so as much less fits into an input. ALP, the average log
    probability of a line's pieces (Zheng et al. 2021), compares tokenizers on one language; between languages only per
    meaning, since lines and characters do not say equally much. Several tokenizers stand side by side, with the
    differences of their parities on the same resampled meanings. Meanings that share a text are resampled together.
    `lab vocabulary --allocate` makes a vocabulary instead: lab vocabulary --allocate --help.
    """

    tokenizers: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs, folders or files with a tokenizer, or hub names such as FacebookAI/xlm-roberta-base."""
    corpus: Path | None = None
    """Text to measure on; default: the meanings held out from the first run's own."""
    reference: str | None = None
    """Language that parities divide by; default: en, or the largest language where there is no English."""
    meanings: int = 2_000
    """Meanings of each language, at most, drawn at random and read with their translations."""
    budget: int = 512
    """Tokens of an input, for the number of meanings that fit into it."""
    seed: int = 0
    """Seed of the drawn meanings."""

    def __call__(self) -> dict[str, Any]:
        if not self.tokenizers:
            raise InputError("expected a run, a folder or a hub name with a tokenizer, got none")
        if len(set(self.tokenizers)) < len(self.tokenizers):
            raise InputError(f"expected different tokenizers, got {' '.join(self.tokenizers)}")
        if self.meanings < 1:
            raise InputError(f"expected --meanings from 1, got {self.meanings}")
        from lab.evaluate.vocabulary import Question, vocabulary_rows

        opened = [_opened(name) for name in self.tokenizers]
        sentences = self._sentences()
        with bars() as report:
            document = vocabulary_rows(
                opened,
                sentences,
                Question(self.reference, self.budget, self.seed),
                report,
            )
        _warn_lost(document)
        if self.corpus is None and len(self.tokenizers) == 1:
            # the page Vocabulary shows what a run costs on its own held-out text
            store.open_run(self.tokenizers[0]).write_document("vocabulary", document)
        return document

    def _sentences(self) -> "pd.DataFrame":
        """The sentences that are read, in at most so many meanings of each language."""
        from core.text.corpus import open_corpus
        from lab.text import drawn_sentences

        if self.corpus is not None:
            return drawn_sentences(open_corpus(self.corpus), self.meanings, self.seed)
        runs = [name for name in self.tokenizers if store.is_run(name)]
        if not runs:
            raise InputError(
                f"{self.tokenizers[0]} is no run, so it holds no text: name some with --corpus FOLDER"
            )
        held_out = store.open_run(runs[0]).held_out()
        if held_out.empty:
            raise InputError(f"run {runs[0]} has held nothing out yet: name text with --corpus FOLDER")
        return held_out

    def show(self, document: dict[str, Any]) -> None:
        names = dict.fromkeys(row["tokenizer"] for row in document["rows"])
        for name in names:
            _show_tokenizer(name, [row for row in document["rows"] if row["tokenizer"] == name])
        _show_differences(document["differences"])
        out.print(
            f"{document['meanings']:,} meanings, reference {document['reference']}, inputs of "
            f"{document['budget']:,} tokens; 95 % intervals over meanings, of shares in --json"
        )


def _opened(name: str) -> "PublishedTokenizer":
    """The tokenizer of a run, or of a file, a folder or a hub name."""
    from core.text.tokenizer import load_tokenizer
    from core.text.vocabulary.published import PublishedTokenizer, open_published

    if store.is_run(name) or not ("/" in name or Path(name).exists()):
        return PublishedTokenizer(name, store.open_run(name).read_checkpoint(load_tokenizer))
    return open_published(name)


def _warn_lost(document: Mapping[str, Any]) -> None:
    """Says in one line for each tokenizer that loses text how much, where most, and an example."""
    shares = {
        (row["tokenizer"], row["language"]): row["value"]
        for row in document["rows"]
        if row["metric"] == "lost"
    }
    for name in dict.fromkeys(each["tokenizer"] for each in document["lost"]):
        examples = [each for each in document["lost"] if each["tokenizer"] == name]
        worst = max(examples, key=lambda each: shares[name, each["language"]])
        errors.print(
            f"note: {name} loses text in {len(examples)} languages, most in {worst['language']}: "
            f"{shares[name, worst['language']]:.1%} of its sentences do not come back, such as "
            f"{_short(worst['text'])!r}, which becomes {_short(worst['comes_back'])!r}"
        )


def _short(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"


def _show_tokenizer(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Three tables, languages with the highest parity first."""
    cells = {(row["language"], row["metric"]): row for row in rows}
    parity = {tag: row["value"] for (tag, metric), row in cells.items() if metric == "parity"}
    tags = sorted({tag for tag, _ in cells}, key=lambda tag: (-parity.get(tag, 0.0), tag == "worst", tag))
    for title, metrics in TABLES.items():
        shown = [tag for tag in tags if any((tag, metric) in cells for metric, _ in metrics)]
        table(
            f"{name}: {title}",
            ("language", *(heading for _, heading in metrics)),
            [(tag, *(_cell(cells.get((tag, metric))) for metric, _ in metrics)) for tag in shown],
        )


def _cell(row: Mapping[str, Any] | None) -> str:
    """A value with its interval; shares in per cent, alone, and nothing where there is none."""
    if row is None:
        return ""
    if row["metric"] in PERCENT:
        return f"{100 * row['value']:.1f}"
    if isinstance(row["value"], int):
        return f"{row['value']:,}"
    digits = 2 if abs(row["value"]) < 100 else 1
    if row["low"] is None:
        return f"{row['value']:.{digits}f}"
    return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _show_differences(differences: Sequence[Mapping[str, Any]]) -> None:
    """Differences of parity from the first tokenizer; below 0 a language pays less than with the first."""
    names = dict.fromkeys(row["tokenizer"] for row in differences)
    cells = {(row["tokenizer"], row["language"]): row for row in differences}
    if names:
        table(
            f"parity less that with {differences[0]['against']}; below 0 is cheaper",
            ("language", *names),
            [
                (tag, *(_difference(cells.get((name, tag))) for name in names))
                for tag in dict.fromkeys(row["language"] for row in differences)
            ],
        )


def _difference(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    ends = "" if row["low"] is None else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{row['difference']:+.3f}{ends}"


def parse(words: list[str]) -> "Command | vocabulary_allocation.Command":
    """Makes a vocabulary with --allocate, else measures some."""
    if "--allocate" in words:
        rest = [word for word in words if word != "--allocate"]
        return parse_words(vocabulary_allocation.Command, "lab vocabulary --allocate", rest)
    return parse_words(Command, "lab vocabulary", words)
