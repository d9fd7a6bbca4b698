"""Readers of other people's files: Moses line-aligned text, TSV and CSV, JSON Lines.

A reader yields one `Line` per input line and sentence; it judges nothing. `sentences` judges: it drops what
no sentence table may hold and says of each dropped line where it stood and why.
"""

import csv
import gzip
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from core.errors import InputError
from core.text.corpus import Row, language_tag

MAX_CHARACTERS: Final = 2_000
LONG_COLUMNS: Final = ("meaning", "language", "text")


class Line(NamedTuple):
    """The texts of one input line by language, which translate each other; without a meaning it gets its number's."""

    where: str
    texts: dict[str, str]
    meaning: int | None = None
    problem: str | None = None


class Rejected(NamedTuple):
    """A sentence that was left out: where it stood, why, and its text."""

    where: str
    reason: str
    text: str


def _open(path: Path) -> TextIOWrapper:
    """Text lines ended by newline alone; bytes that are no UTF-8 survive as surrogates and are judged later."""
    if not path.is_file():
        raise InputError(f"expected a file, got {path}: it does not exist")
    stream = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115, callers close it
    return TextIOWrapper(
        cast(IO[bytes], stream), encoding="utf-8-sig", errors="surrogateescape", newline="\n"
    )


def _suffix(path: Path) -> str:
    """The part of a file name that tells its format or language: `de` of `train.de.gz`."""
    return Path(path.name.removesuffix(".gz")).suffix.removeprefix(".")


def read_moses(paths: Sequence[Path], languages: Sequence[str] | None = None) -> Iterator[Line]:
    """One file per language, line i of each a translation of line i of the others (`train.en`, `train.de.gz`).

    Raises:
        InputError: the files differ in length, a language is unknown, or one comes twice.
    """
    tags = [language_tag(tag) for tag in (languages or [_suffix(path) for path in paths])]
    if len(tags) != len(paths):
        raise InputError(f"expected one language per file, got {len(tags)} languages for {len(paths)} files")
    if len(set(tags)) < len(tags):
        raise InputError(
            f"expected a different language for each file, got {' '.join(tags)}: name them with --languages"
        )
    files = [_open(path) for path in paths]
    try:
        for number, lines in enumerate(itertools.zip_longest(*files), start=1):
            if None in lines:
                lengths = ", ".join(f"{path.name} {_count(path):,}" for path in paths)
                raise InputError(
                    f"line-aligned files must have equally many lines, got {lengths}: align them first"
                )
            yield Line(
                f"line {number}", {tag: line.rstrip("\r\n") for tag, line in zip(tags, lines, strict=True)}
            )
    except (EOFError, gzip.BadGzipFile) as error:
        raise InputError(
            f"a .gz file among {' '.join(map(str, paths))} is damaged ({error}): fetch it again"
        ) from error
    finally:
        for file in files:
            file.close()


def _count(path: Path) -> int:
    with _open(path) as file:
        return sum(1 for _ in file)


def read_table(path: Path) -> Iterator[Line]:
    """A TSV or CSV file with a header: one column per language, or the columns meaning, language, text.

    Raises:
        InputError: the header fits neither form.
    """
    with _open(path) as file:
        table = csv.reader(file, delimiter="\t" if _suffix(path) == "tsv" else ",", strict=True)
        try:
            header = [name.strip() for name in next(table, [])]
            long = set(LONG_COLUMNS) <= set(header)
            if not long and len(header) < 1 + (_suffix(path) == "csv"):
                raise InputError(
                    f"{path}: expected a header of language tags or of {', '.join(LONG_COLUMNS)}, got {header}"
                )
            tags = [] if long else [language_tag(name) for name in header]
            for cells in table:
                where = f"line {table.line_num}"
                if len(cells) != len(header):
                    yield Line(where, {}, problem=f"has {len(cells)} columns, the header {len(header)}")
                elif long:
                    yield _long_line(where, dict(zip(header, cells, strict=True)))
                else:
                    yield Line(where, dict(zip(tags, cells, strict=True)))
        except csv.Error as error:
            raise InputError(f"{path}, line {table.line_num}: {error}: check the quoting") from error


def read_jsonl(path: Path) -> Iterator[Line]:
    """JSON Lines: `{"en": "...", "fr": "..."}` (alone or under "translation"), or meaning, language and text."""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            where = f"line {number}"
            try:
                value: Any = json.loads(line)
            except json.JSONDecodeError as error:
                yield Line(where, {}, problem=f"is not JSON ({error.msg})")
                continue
            value = value.get("translation", value) if isinstance(value, dict) else value
            if not isinstance(value, dict):
                yield Line(where, {}, problem="is not a JSON object")
                continue
            record = cast(dict[str, Any], value)
            if set(LONG_COLUMNS) <= set(record):
                yield _long_line(where, record)
            elif not all(isinstance(text, str) for text in record.values()):
                yield Line(where, {}, problem="holds something that is not text")
            else:
                yield _wide_line(where, record)


def _wide_line(where: str, record: dict[str, str]) -> Line:
    try:
        return Line(where, {language_tag(tag): text for tag, text in record.items()})
    except InputError as error:
        return Line(where, {}, problem=str(error))


def _long_line(where: str, record: dict[str, Any]) -> Line:
    try:
        return Line(
            where, {language_tag(str(record["language"])): str(record["text"])}, int(record["meaning"])
        )
    except InputError as error:
        return Line(where, {}, problem=str(error))
    except (ValueError, TypeError):
        return Line(where, {}, problem=f"meaning is {record['meaning']!r}, not a whole number")


def read_files(paths: Sequence[Path], languages: Sequence[str] | None = None) -> Iterator[Line]:
    """The lines of files of one kind, told by their names: `.tsv`, `.csv`, `.jsonl`, else line-aligned text.

    Raises:
        InputError: no files, or files of different kinds.
    """
    if not paths:
        raise InputError("expected files to import, got none")
    kinds = {_suffix(path) if _suffix(path) in _SINGLE else "" for path in paths}
    if len(kinds) > 1:
        raise InputError(
            f"expected files of one kind, got {' '.join(path.name for path in paths)}: import them one by one"
        )
    kind = kinds.pop()
    if not kind:
        return read_moses(paths, languages)
    if languages:
        raise InputError(
            f"--languages names line-aligned files; {paths[0].name} tells its languages itself: leave it out"
        )
    if len(paths) > 1:
        raise InputError(f"expected one .{kind} file, got {len(paths)}: import them one by one")
    return _SINGLE[kind](paths[0])


_SINGLE: Final[dict[str, Callable[[Path], Iterator[Line]]]] = {
    "tsv": read_table,
    "csv": read_table,
    "jsonl": read_jsonl,
}


def sentences(
    lines: Iterator[Line], reject: Callable[[Rejected], None], max_characters: int = MAX_CHARACTERS
) -> Iterator[Row]:
    """Rows of a sentence table from lines; what cannot stand in it goes to `reject` with its reason."""
    seen: set[int] = set()
    for number, line in enumerate(lines):
        if line.problem:
            reject(Rejected(line.where, line.problem, ""))
            continue
        texts = {tag: text.strip() for tag, text in line.texts.items()}
        identity = hash((line.meaning, *sorted(texts.items())))
        if identity in seen:
            reject(Rejected(line.where, "is a duplicate of an earlier line", " | ".join(texts.values())))
            continue
        seen.add(identity)
        for tag, text in texts.items():
            if problem := _problem(text, max_characters):
                reject(Rejected(f"{line.where} ({tag})", problem, text[:200]))
            else:
                yield Row(number if line.meaning is None else line.meaning, tag, text)


def _problem(text: str, max_characters: int) -> str | None:
    if not text:
        return "is empty"
    if "\0" in text:
        return "holds a NUL byte (a UTF-16 file? save it as UTF-8)"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "is not UTF-8 (convert the file, for example with iconv)"
    if len(text) > max_characters:
        return f"is over-long ({len(text):,} characters; at most {max_characters:,})"
    return None
