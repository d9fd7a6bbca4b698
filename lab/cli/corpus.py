"""`lab corpus import` and `lab corpus show`: own text in."""

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import tyro

from core.errors import InputError
from core.text.corpus import open_corpus, write_corpus
from core.text.readers import MAX_CHARACTERS, Rejected, read_files, sentences
from lab import store
from lab.cli import parse as parse_words
from lab.cli.console import err, out, progress, table
from lab.figures.sentences import spreadsheet_cell

SHOWN = 20


@dataclass(frozen=True)
class Import:
    """Makes a corpus from Moses line-aligned files (train.en train.de.gz), one TSV, CSV or JSON Lines file.

    Line i of one Moses file translates line i of the others. TSV and CSV have a header of language tags, or the
    columns meaning, language, text; JSON Lines hold {"en": "...", "fr": "..."} or meaning, language and text.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Files to import."""
    out: Path
    """Folder to write the corpus into."""
    languages: tuple[str, ...] = ()
    """Of the Moses files, in their order; default: their endings."""
    skip_bad: bool = False
    """Leave bad lines out and list them in rejected.tsv, instead of refusing the import."""
    max_characters: int = MAX_CHARACTERS
    """Longer sentences are bad lines."""
    source: str = ""
    """Where the text comes from, for corpus.json."""
    licence: str = ""
    """Of the text, for corpus.json."""
    overwrite: bool = False
    """Replace the folder if it exists."""

    def __call__(self) -> dict[str, Any]:
        rejected: list[Rejected] = []
        lines = read_files(self.files, self.languages or None)
        with store.room(self.out), progress() as bar:
            task = bar.add_task("reading", total=None, told="sentences")
            rows = (
                bar.advance(task) or row for row in sentences(lines, rejected.append, self.max_characters)
            )
            if not self.skip_bad:
                rows = _refusing(rows, rejected)
            write_corpus(
                rows,
                self.out,
                source=self.source or " ".join(path.name for path in self.files),
                licence=self.licence,
                rejected=rejected,
                overwrite=self.overwrite,
            )
            if rejected:
                _write_rejected(self.out / "rejected.tsv", rejected)
        return {**_document(self.out), "rejected": len(rejected)}

    def show(self, document: dict[str, Any]) -> None:
        _show(document)
        if document["rejected"]:
            out.print(f"{document['rejected']:,} bad lines were left out: see {self.out / 'rejected.tsv'}")


@dataclass(frozen=True)
class Show:
    """Says what a corpus holds, with its first sentences."""

    folder: tyro.conf.Positional[Path]
    """Corpus folder."""
    sentences: int = 8
    """Sentences to show."""

    def __call__(self) -> dict[str, Any]:
        rows = islice(open_corpus(self.folder).rows(), self.sentences)
        return {**_document(self.folder), "first": [row._asdict() for row in rows]}

    def show(self, document: dict[str, Any]) -> None:
        _show(document)
        table("", ("meaning", "language", "text"), [tuple(row.values()) for row in document["first"]])


def parse(words: list[str]) -> Import | Show:
    """`import FILE... --out FOLDER` or `show FOLDER`."""
    commands = {"import": Import, "show": Show}
    if not words or words[0] not in commands:
        if words and words[0] not in ("-h", "--help"):
            raise InputError(f"expected lab corpus import or lab corpus show, got {words[0]!r}")
        return tyro.extras.subcommand_cli_from_dict(commands, prog="lab corpus", args=["--help"])
    return parse_words(commands[words[0]], f"lab corpus {words[0]}", words[1:])


def _refusing(rows: Any, rejected: list[Rejected]) -> Any:
    """Reads to the end, so that all bad lines are known, and refuses if there is one."""
    for row in rows:
        if not rejected:
            yield row
    if rejected:
        for bad in rejected[:SHOWN]:
            err.print(f"{bad.where}: {bad.reason}", markup=False)
        more = f", {len(rejected) - SHOWN:,} more not shown" if len(rejected) > SHOWN else ""
        raise InputError(
            f"{len(rejected):,} lines are bad (first: {rejected[0].where} {rejected[0].reason}{more}); "
            "mend them, or leave them out with --skip-bad"
        )


def _write_rejected(path: Path, rejected: list[Rejected]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(Rejected._fields)
        table.writerows([spreadsheet_cell(str(cell)) for cell in row] for row in rejected)


def _document(folder: Path) -> dict[str, Any]:
    info = open_corpus(folder).info
    found = info.model_dump(
        include={"sentences", "meanings", "languages", "rejected", "source", "licence", "sha256"}
    )
    world = info.world or {}
    known = {key: world[key] for key in ("entropy_nats", "information_nats") if key in world}
    return {"folder": str(folder), **found, **known}


def _show(document: dict[str, Any]) -> None:
    rows = [(key, f"{document[key]:,}") for key in ("sentences", "meanings", "rejected")]
    rows += [("languages", "  ".join(f"{tag} {count:,}" for tag, count in document["languages"].items()))]
    rows += [(key, document[key]) for key in ("source", "licence") if document[key]]
    rows += [
        (key, f"{document[key]:.4f} (exact)")
        for key in ("entropy_nats", "information_nats")
        if key in document
    ]
    table(document["folder"], ("", ""), rows)
