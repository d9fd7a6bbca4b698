"""`lab bench --app`: the dashboard with a class in front of it."""

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.errors import InputError
from lab.cli.bench_training import COLUMNS, cell
from lab.cli.console import bars, out, table


@dataclass(frozen=True)
class Command:
    """Time and memory of the dashboard with real sessions, beside limits for a class; above 1 the limit is kept.

    Sessions speak to the server over its web socket, as browsers do; drawing in a browser is not measured. Each number
    of sessions has a server of its own, on an empty folder of runs. Let nothing else run meanwhile.
    """

    sessions: tuple[int, ...] = (1, 10, 30)
    """Browsers at once."""
    starts: int = 5
    """Toy runs that are started at the same moment; 0 for none."""

    def __call__(self) -> dict[str, Any]:
        if find_spec("streamlit") is None:
            raise InputError(
                "the dashboard needs streamlit, which is not installed: pip install 'parallax-lab[app]'"
            )
        if min(self.sessions, default=0) < 1 or self.starts < 0:
            raise InputError(
                f"expected --sessions from 1 and --starts from 0, got {list(self.sessions)} and {self.starts}"
            )
        from lab.bench.app import bench_app

        with bars() as report, tempfile.TemporaryDirectory() as scratch:
            return bench_app(self.sessions, self.starts, report, Path(scratch))

    def show(self, document: dict[str, Any]) -> None:
        rows = [[cell(row[key]) for key in COLUMNS] for row in document["rows"]]
        table("the dashboard beside what a class may take", COLUMNS, rows)
        out.print(f"{document['cores']} cores, load {document['load']:.1f} at the end")
