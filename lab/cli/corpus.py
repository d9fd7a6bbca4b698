"""`lab corpus import` and `lab corpus show`: imports text and shows a corpus."""

import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, Literal

import tyro

from core.errors import InputError
from core.text.corpus import Corpus, CorpusRow, open_corpus, write_corpus
from core.text.readers import MAX_CHARACTERS, Counts, Notes, ReadOptions, Rejected, read_files, sentences
from lab import store
from lab.cli import parse as parse_words
from lab.cli.console import err, out, progress, table
from lab.figures.sentences import spreadsheet_cell

SHOWN: Final = 20
IDENTICAL_SHARE_WARNED: Final = 0.05
BAR_EVERY_ROWS: Final = 5_000


@dataclass(frozen=True)
class Import:
    """Makes a corpus from files of one kind, in any order, or from a data set of Hugging Face.

    Line-aligned text (train.en train.de.gz; line i of one file translates line i of the others; files whose names
    differ only in the language belong together), TSV and CSV with a header of language tags or the columns meaning,
    language, text; JSON Lines, JSON lists and Parquet with the same keys; TMX, XLIFF, gettext PO, subtitles, CoNLL-U;
    a folder or hub name of a data set. Files may be packed: .gz .bz2 .xz .zst.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Files to import."""
    out: Path
    """Folder to write the corpus into."""
    languages: tuple[str, ...] = ()
    """Languages of the line-aligned files, in their order; of the columns of a table without header; of source and
    target of a file that does not name them. Default: the endings of the files, the header, the names in the file."""
    columns: tuple[str, ...] = ()
    """Columns to read, by name or by number from 1: en=source ar=target, or meaning=id language=lang text=sentence."""
    header: bool = False
    """The first row is a header, although --languages or numbers name the columns."""
    quotes: Literal["auto", "enclose", "text"] = "auto"
    """Whether quotation marks enclose the cells of a table or are text; auto: enclose in .csv, text elsewhere."""
    encoding: str | None = None
    """Encoding of the text, for example cp1251, utf-16-le, gb18030; default: by the byte-order mark, else UTF-8."""
    config: str | None = None
    """Configuration of a data set, for example en-fr."""
    split: str | None = None
    """Split of a data set, for example train."""
    skip_bad: bool = False
    """Leave faulty units out and list them in rejected.tsv, instead of refusing the import."""
    max_characters: int = MAX_CHARACTERS
    """Longer texts are faulty."""
    source: str = ""
    """Where the text comes from, for corpus.json."""
    licence: str = ""
    """Licence of the text, for corpus.json."""
    overwrite: bool = False
    """Replace the folder if it exists."""

    def __call__(self) -> dict[str, Any]:
        notes, counts = Notes(say=err.print), Counts()
        with store.report_full_disk(self.out), closing(_RejectedRows()) as rejected:
            units = read_files(self.files, self._options(), notes)
            rows = sentences(units, rejected.add, counts, self.max_characters)
            corpus = write_corpus(
                self._judged(_with_bar(rows, self.files, notes, counts), rejected, counts),
                self.out,
                source=self.source or _names(self.files),
                licence=self.licence,
                report=lambda folder: _report(folder, rejected, counts, notes),
                overwrite=self.overwrite,
            )
        _warn(corpus)
        return _document(corpus)

    def _options(self) -> ReadOptions:
        pairs = [column.partition("=") for column in self.columns]
        if wrong := [column for column, pair in zip(self.columns, pairs, strict=True) if not all(pair)]:
            raise InputError(f"expected --columns LANGUAGE=COLUMN, for example en=source, got {wrong[0]!r}")
        columns = {role: column for role, _, column in pairs}
        if len(columns) < len(pairs):
            raise InputError(f"expected a different language for each column, got {' '.join(self.columns)}")
        return ReadOptions(
            languages=self.languages,
            columns=columns,
            header=self.header,
            quotes=self.quotes,
            encoding=self.encoding,
            config=self.config,
            split=self.split,
        )

    def _judged(
        self, rows: Iterator[CorpusRow], rejected: "_RejectedRows", counts: Counts
    ) -> Iterator[CorpusRow]:
        """Yields the rows, and reads to the end, so that all faults are known.

        Raises:
            InputError: a unit is faulty and --skip-bad is off, or all units are faulty.
        """
        empty = True
        for row in rows:
            empty = False
            if not rejected.examples or self.skip_bad:
                yield row
        if rejected.examples and not self.skip_bad:
            raise _refusal(rejected, counts, "mend them, or leave them out with --skip-bad")
        if rejected.examples and empty:
            raise _refusal(rejected, counts, "no sentence is left")

    def show(self, document: dict[str, Any]) -> None:
        _show(document)
        if document["rejected"]:
            out.print(f"what was left out, and why: {self.out / 'rejected.tsv'}")


class _RejectedRows:
    """Rejected texts: the first in memory (`examples`), all in a temporary file."""

    def __init__(self) -> None:
        self.examples: list[Rejected] = []
        self._file = TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115
        self._table = csv.writer(self._file, delimiter="\t")
        self._table.writerow(Rejected._fields)

    def add(self, rejected: Rejected) -> None:
        if len(self.examples) < SHOWN:
            self.examples.append(rejected)
        self._table.writerow([spreadsheet_cell(str(cell)) for cell in rejected])

    def save(self, path: Path) -> None:
        self._file.seek(0)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(self._file)

    def close(self) -> None:
        self._file.close()


def _refusal(rejected: _RejectedRows, counts: Counts, remedy: str) -> InputError:
    for bad in rejected.examples:
        err.print(f"{bad.where}: {bad.reason}")
    example = rejected.examples[0]
    return InputError(
        f"{counts.rejected:,} of {counts.units:,} units are bad (first: {example.where} {example.reason}): {remedy}"
    )


def _report(folder: Path, rejected: _RejectedRows, counts: Counts, notes: Notes) -> dict[str, Any]:
    if rejected.examples:
        rejected.save(folder / "rejected.tsv")
    return {**vars(counts), "ignored_columns": tuple(notes.ignored)}


def _with_bar(
    rows: Iterator[CorpusRow], files: tuple[Path, ...], notes: Notes, counts: Counts
) -> Iterator[CorpusRow]:
    """Yields the rows, with a bar for the share of the files that is read."""
    size = sum(path.stat().st_size for path in files if path.is_file())
    with progress() as bar:
        task = bar.add_task("reading", total=100 if size else None, detail="%")
        for number, row in enumerate(rows):
            if number % BAR_EVERY_ROWS == 0:
                done = 100 * notes.bytes_read // size if size else number
                bar.update(task, completed=done, detail=f"%, {counts.units:,} units")
            yield row
        bar.update(task, completed=100 if size else counts.units, detail=f"%, {counts.units:,} units")


def _names(files: tuple[Path, ...]) -> str:
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return " ".join(path.name for path in files[:SHOWN]) + more


def _warn(corpus: Corpus) -> None:
    info = corpus.info
    translations = info.sentences - info.meanings
    share = info.identical / translations if translations else 0.0
    if share >= IDENTICAL_SHARE_WARNED:
        err.print(
            f"warning: {share:.1%} of the translations repeat the text of another language "
            f"({info.identical:,} of {translations:,}): is this text translated?"
        )


@dataclass(frozen=True)
class Show:
    """Shows the counts of a corpus and its first sentences."""

    folder: tyro.conf.Positional[Path]
    """Corpus folder."""
    sentences: int = 8
    """Sentences to show."""

    def __call__(self) -> dict[str, Any]:
        corpus = open_corpus(self.folder)
        rows = islice(corpus.rows(), self.sentences)
        return {**_document(corpus), "first": [row._asdict() for row in rows]}

    def show(self, document: dict[str, Any]) -> None:
        _show(document)
        table("", ("meaning", "language", "text"), [tuple(row.values()) for row in document["first"]])


def parse(words: list[str]) -> Import | Show:
    """Parses `import FILE... --out FOLDER` or `show FOLDER`."""
    commands = {"import": Import, "show": Show}
    if not words or words[0] not in commands:
        if words and words[0] not in ("-h", "--help"):
            raise InputError(f"expected lab corpus import or lab corpus show, got {words[0]!r}")
        return tyro.extras.subcommand_cli_from_dict(commands, prog="lab corpus", args=["--help"])
    return parse_words(commands[words[0]], f"lab corpus {words[0]}", words[1:])


def _document(corpus: Corpus) -> dict[str, Any]:
    fields = corpus.info.model_dump(exclude={"format", "world"})
    world = corpus.info.world or {}
    exact = {key: world[key] for key in ("entropy_nats", "information_nats") if key in world}
    return {"folder": str(corpus.folder), **fields, **exact}


def _show(document: dict[str, Any]) -> None:
    rows = [(key, f"{document[key]:,}") for key in ("sentences", "meanings")]
    rows += [("languages", "  ".join(f"{tag} {count:,}" for tag, count in document["languages"].items()))]
    if document["units"]:
        parts = " + ".join(f"{document[key]:,} {key}" for key in ("imported", "duplicates", "rejected"))
        rows += [("units", f"{document['units']:,} = {parts}")]
    rows += [(key, f"{document[key]:,}") for key in ("missing", "identical") if document[key]]
    rows += [("not read", ", ".join(document["ignored_columns"]))] if document["ignored_columns"] else []
    rows += [(key, document[key]) for key in ("source", "licence") if document[key]]
    rows += [
        (key, f"{document[key]:.4f} (exact)")
        for key in ("entropy_nats", "information_nats")
        if key in document
    ]
    table(document["folder"], ("", ""), rows)
