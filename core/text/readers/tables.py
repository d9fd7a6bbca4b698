"""TSV and CSV: a column per language, or the columns meaning, language, text; with or without a header."""

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from core.errors import InputError
from core.text.readers.columns import SAMPLE, Columns, named_columns
from core.text.readers.opening import ending, lines_of
from core.text.readers.unit import Notes, ReadOptions, Unit, faulty

SEPARATORS: Final = {"\t": "tabs", ",": "commas", ";": "semicolons"}
USUAL: Final = {"csv": ",", "tsv": "\t", "txt": "\t"}


class Cells(NamedTuple):
    """A row of a table: its place and its cells, or what is wrong with it."""

    where: str
    cells: Sequence[str]
    problem: str | None = None


def read_table(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The rows of a table as units; empty lines are skipped.

    Quotation marks enclose cells in .csv and are text in .tsv, unless `options.quotes` says otherwise.

    Raises:
        InputError: no column is a language, or the language of a column is unclear.
    """
    lines = lines_of(path, options, notes)
    beginning = list(islice(lines, SAMPLE))
    kind = ending(path)
    enclosed = options.quotes == "enclose" or (options.quotes == "auto" and kind == "csv")
    separator = _separator(beginning, USUAL[kind], enclosed)
    if separator != USUAL[kind]:
        notes.say(f"{path.name}: its columns are separated by {SEPARATORS[separator]}")
    if not enclosed and _looks_enclosed(beginning, separator):
        notes.say(
            f"{path.name}: quotation marks are read as text; --quotes enclose reads them as marks of cells"
        )
    everything = chain(beginning, lines)
    rows = _enclosed(everything, separator) if enclosed else _plain(everything, separator)
    yield from _units(path.name, rows, options, notes)


def _units(source: str, rows: Iterator[Cells], options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    head = next(rows, None)
    if head is None:
        return
    if head.problem:
        raise InputError(f"{source}, {head.where}: the first row {head.problem}")
    names = _names(head.cells, options)
    if not names:
        # the first row is text already
        rows = chain([head], rows)
        names = _numbered(source, len(head.cells), options)
    sample = list(islice(rows, SAMPLE))
    records = [dict(zip(names, row.cells, strict=False)) for row in sample if len(row.cells) == len(names)]
    columns = named_columns(source, names, records, options, notes)
    for row in chain(sample, rows):
        yield _unit(row, names, columns)


def _unit(row: Cells, names: Sequence[str], columns: Columns) -> Unit:
    if row.problem:
        return faulty(row.where, row.problem)
    if len(row.cells) != len(names):
        return faulty(row.where, f"has {len(row.cells)} columns, the first row {len(names)}")
    return columns.unit(row.where, dict(zip(names, row.cells, strict=True)))


def _names(cells: Sequence[str], options: ReadOptions) -> list[str]:
    """The names of the columns by the header; empty where the first row is no header."""
    counted = options.columns and all(column.isdecimal() for column in options.columns.values())
    if (options.languages or counted) and not options.header:
        return []
    if options.languages:
        return _numbered("", len(cells), options)
    names = [cell.strip().strip("\ufeff") for cell in cells]
    repeated = {name for name, count in Counter(names).items() if count > 1 and (options.columns or not name)}
    return [f"{name or 'column'}.{i}" if name in repeated else name for i, name in enumerate(names, start=1)]


def _numbered(source: str, width: int, options: ReadOptions) -> list[str]:
    """Names for the columns of a table without header: the languages of the options, then numbers."""
    if len(options.languages) > width:
        raise InputError(
            f"{source}: expected {width} languages at most, one per column, got {' '.join(options.languages)}"
        )
    return [*options.languages, *(f"column {i}" for i in range(len(options.languages) + 1, width + 1))]


def _separator(lines: Sequence[str], usual: str, enclosed: bool) -> str:
    """The separator of cells: the character that cuts most rows into as many cells, two or more, as the first row."""

    def agreement(separator: str) -> float:
        rows = _enclosed(iter(lines), separator) if enclosed else _plain(iter(lines), separator)
        widths = [len(row.cells) for row in rows if not row.problem]
        return widths.count(widths[0]) / len(lines) if widths and widths[0] > 1 else 0.0

    ranked = sorted(SEPARATORS, key=lambda separator: (agreement(separator), separator == usual))
    return ranked[-1] if agreement(ranked[-1]) > agreement(usual) else usual


def _looks_enclosed(lines: Sequence[str], separator: str) -> bool:
    cells = [cell for line in lines for cell in line.rstrip("\r\n").split(separator)]
    return any(cell[:1] == cell[-1:] == '"' and '""' in cell[1:-1] for cell in cells)


def _plain(lines: Iterator[str], separator: str) -> Iterator[Cells]:
    for number, line in enumerate(lines, start=1):
        if text := line.rstrip("\r\n"):
            yield Cells(f"line {number}", text.split(separator))


class _Replayed:
    """Lines that can be read again, from the second line of the current row on."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._again, self.row, self.number = lines, deque[str](), list[str](), 0

    def __iter__(self) -> "_Replayed":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.row.append(line)
        self.number += 1
        return line

    def begin_row(self) -> int:
        """Begins a row with the next line and returns its number."""
        self.row = []
        return self.number + 1

    def back_to(self, number: int) -> None:
        """Goes back to a line of the current row."""
        count = self.number - number + 1
        if count:
            self._again.extendleft(reversed(self.row[-count:]))
            self.number -= count


def _enclosed(lines: Iterator[str], separator: str) -> Iterator[Cells]:
    """Rows whose cells may stand in quotation marks; a row with broken quoting loses only its first line."""
    source = _Replayed(lines)
    table = csv.reader(source, delimiter=separator, strict=True)
    while True:
        begin = source.begin_row()
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            # no other line is lost, and the reader of the library cannot go on after an error
            yield Cells(
                f"line {begin}", [], f"opens a quotation mark that is not closed as it should be ({error})"
            )
            source.back_to(begin + 1)
            table = csv.reader(source, delimiter=separator, strict=True)
            continue
        if cells:
            where = f"line {begin}" if source.number == begin else f"lines {begin}-{source.number}"
            yield Cells(where, cells)
