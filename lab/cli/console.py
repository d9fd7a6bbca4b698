"""Tables and progress bars for people."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; numbers stand right."""
    built = Table(title=title or None, title_justify="left")
    rows = [[str(cell) for cell in row] for row in rows]
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(row[position][:1].isdigit() for row in rows)
        built.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        built.add_row(*row)
    out.print(built)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress bar on standard error; a task needs the field `told`, for what else it shows."""
    columns = [
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=10)),
        BarColumn(bar_width=max(6, min(24, err.width - 110))),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=err, transient=False, refresh_per_second=4) as bar:
        yield bar
