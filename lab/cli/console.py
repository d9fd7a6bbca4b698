"""Tables, progress bars and all output to the terminal: text is shown, never interpreted.

Sentences, names, paths and messages come from strangers' files. Brackets are no markup, `:smile:` is no emoji, and
control codes, which could retitle, clear or fill the clipboard of a terminal, are written out.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from core.progress import Progress
from lab.cli.widths import column_widths, folded, is_numeric
from lab.figures.sentences import CONTROL, visible, visible_line

BETWEEN: Final = 3
"""Characters between two columns."""


class PlainConsole(Console):
    """A console that takes every string literally, in prints, cells and titles alike."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The string taken literally, with its control codes written out."""
        known = {key: options[key] for key in ("style", "justify", "overflow") if key in options}
        return Text(visible(text), **known)


out = PlainConsole(highlight=False)
err = PlainConsole(stderr=True, highlight=False)
errors = PlainConsole(stderr=True, soft_wrap=True, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table on standard output; numbers stand right and are never broken.

    Where the terminal is too narrow, each row becomes a table with a line for each column.
    """
    if title:
        out.print(f"\n{title}", style="italic")
    cells = [[visible_line(str(cell)) for cell in row] for row in rows]
    by_column = [[column, *(row[place] for row in cells)] for place, column in enumerate(columns)]
    widths = column_widths(by_column, out.width - BETWEEN * (len(columns) - 1))
    if widths is None and len(columns) > 2:
        for row in cells:
            table("", ("", ""), zip(columns, row, strict=True))
        return
    out.print(_drawn(by_column, widths or [out.width] * len(columns)))


def _drawn(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> Table:
    built = Table(show_edge=False, pad_edge=False)
    for (head, *cells), width in zip(columns, widths, strict=True):
        built.add_column(head, justify="right" if is_numeric(cells) else "left", width=width, overflow="fold")
    for row in zip(*(cells[1:] for cells in columns), strict=True):
        built.add_row(*map(folded, row, widths))
    return built


def print_json(document: Any) -> None:
    """Prints the document as one line of JSON; control codes and bidirectional overrides are escaped."""
    line = json.dumps(_finite(document), ensure_ascii=False)
    print(CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line))


def _finite(value: Any) -> Any:
    """The value with None for every number that is not finite, because JSON has no NaN."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _PlainColumn(ProgressColumn):
    """A text of a task, taken literally."""

    def __init__(self, field: str = "", table_column: Column | None = None) -> None:
        super().__init__(table_column)
        self.field = field

    def render(self, task: Task) -> Text:
        return Text(visible_line(str(task.fields[self.field] if self.field else task.description)))


@contextmanager
def progress() -> Iterator[RichProgress]:
    """Yields a progress bar on standard error; a task needs the field `detail`, a text beside its count."""
    columns = [
        _PlainColumn(table_column=Column(no_wrap=True, min_width=10)),
        BarColumn(bar_width=max(6, min(24, err.width - 110))),
        MofNCompleteColumn(),
        _PlainColumn("detail"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with RichProgress(*columns, console=err, transient=False, refresh_per_second=4) as bar:
        yield bar


def phases(bar: RichProgress, title: str = "") -> Progress:
    """Reports to a bar of its own for each phase, named by `title` and the phase."""
    tasks: dict[str, TaskID] = {}

    def report(phase: str, done: float, total: float) -> None:
        if phase not in tasks:
            tasks[phase] = bar.add_task(f"{title}{phase}", total=total, detail="")
        bar.update(tasks[phase], completed=done, total=total)

    return report


@contextmanager
def bars(title: str = "") -> Iterator[Progress]:
    """Shows a bar on standard error for each phase of long work."""
    with progress() as bar:
        yield phases(bar, title)
