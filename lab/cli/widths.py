"""Widths of the columns of a printed table; a number stands on one line, however narrow the terminal is."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

NUMBER: Final = re.compile(r"[-+]?\d[\d.,:/]*")
WORD: Final = re.compile(r"\S+")
ATOM: Final = re.compile(rf"{NUMBER.pattern}|\S")
LEAST_TEXT_CHARACTERS: Final = 8
"""Least width of a column with longer words."""


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers: every cell is empty or begins with a number.

    >>> is_numeric(["0.98 [0.97, 0.99]", "", "-0.02"]), is_numeric(["12", "none"]), is_numeric([""])
    (True, False, False)
    """
    return any(cells) and all(NUMBER.match(cell) for cell in cells if cell)


def column_widths(columns: Sequence[Sequence[str]], total: int) -> list[int] | None:
    """Widths of columns that fit into `total` characters together; None where a number would have to break.

    First columns of text shrink to their longest word. Then columns of numbers shrink, where an interval may break
    between its ends. Then words of text break. Wider columns shrink before narrow ones.

    Args:
        columns: the cells of each column, its heading first.
        total: characters for all columns, without borders.
    """
    whole = [max(map(cell_len, cells)) for cells in columns]
    words = [_longest(WORD, cells) for cells in columns]
    numbers = [
        max(_longest(NUMBER, cells), min(LEAST_TEXT_CHARACTERS, word))
        for cells, word in zip(columns, words, strict=True)
    ]
    text_alone = [
        all_of_it if is_numeric(cells[1:]) else word
        for cells, all_of_it, word in zip(columns, whole, words, strict=True)
    ]
    for floors in (text_alone, words, numbers):
        if sum(floors) <= total:
            return _narrowed(whole, floors, total)
    return None


def _longest(pattern: re.Pattern[str], cells: Sequence[str]) -> int:
    return max((cell_len(part) for cell in cells for part in pattern.findall(cell)), default=0)


def _narrowed(widths: Sequence[int], floors: Sequence[int], total: int) -> list[int]:
    """The widths after shrinking the widest shrinkable column, again and again, until all fit."""
    narrowed = [max(floor, min(width, total)) for width, floor in zip(widths, floors, strict=True)]
    while sum(narrowed) > total:
        loose = [column for column, floor in enumerate(floors) if narrowed[column] > floor]
        narrowed[max(loose, key=narrowed.__getitem__)] -= 1
    return narrowed


def folded(cell: str, width: int) -> str:
    """The cell with line breaks in words that are wider than `width`, but never inside a number.

    >>> folded("run tasks-toy/tlm-101", 12)
    'run tasks-toy/tl\\nm-101'
    """
    return WORD.sub(
        lambda match: match[0] if cell_len(match[0]) <= width else "\n".join(_pieces(match[0], width)), cell
    )


def _pieces(word: str, width: int) -> Iterator[str]:
    line = ""
    for atom in ATOM.findall(word):
        if line and cell_len(line + atom) > width:
            yield line
            line = ""
        line += atom
    yield line
