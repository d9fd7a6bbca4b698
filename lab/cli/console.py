"""Tables and progress bars for people, and the one door to the terminal: what is printed is shown, never interpreted.

Sentences, names, paths and messages come from strangers' files. Brackets are no markup, `:smile:` is no emoji, and
control codes, which could retitle, clear or fill the clipboard of a terminal, are written out.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from lab.figures.sentences import CONTROL, visible, visible_line


class PlainConsole(Console):
    """A console that takes every string literally, in prints, cells and titles alike."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The string as it is written, with its control codes written out."""
        known = {key: options[key] for key in ("style", "justify", "overflow") if key in options}
        return Text(visible(text), **known)


out = PlainConsole(highlight=False)
err = PlainConsole(stderr=True, highlight=False)
errors = PlainConsole(stderr=True, soft_wrap=True, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; numbers stand right."""
    built = Table(title=title or None, title_justify="left")
    cells = [[visible_line(str(cell)) for cell in row] for row in rows]
    for position, column in enumerate(columns):
        numeric = bool(cells) and all(row[position][:1].isdigit() for row in cells)
        built.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        built.add_row(*row)
    out.print(built)


def print_json(document: Any) -> None:
    """The document on standard output as one line of JSON; control codes and bidirectional overrides are escaped."""
    line = json.dumps(_finite(document), ensure_ascii=False)
    print(CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line))


def _finite(value: Any) -> Any:
    """JSON has no NaN: null stands for a number that is not known."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _PlainColumn(ProgressColumn):
    """One text of a task, taken literally."""

    def __init__(self, field: str = "", table_column: Column | None = None) -> None:
        super().__init__(table_column)
        self.field = field

    def render(self, task: Task) -> Text:
        return Text(visible_line(str(task.fields[self.field] if self.field else task.description)))


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error; a task needs the field `told`, for what else it shows."""
    columns = [
        _PlainColumn(table_column=Column(no_wrap=True, min_width=10)),
        BarColumn(bar_width=max(6, min(24, err.width - 110))),
        MofNCompleteColumn(),
        _PlainColumn("told"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=err, transient=False, refresh_per_second=4) as bar:
        yield bar
