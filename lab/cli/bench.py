"""`lab bench`: training steps beside other packages; with --information estimators, with --app the dashboard."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from lab.cli import bench_app, bench_training
from lab.cli import parse as parse_words
from lab.cli.console import bars, table


@dataclass(frozen=True)
class Command:
    """Accuracy and time of information estimators beside other packages; a ratio above 1 says that ours is better.

    The folder holds one .npz per task: `truth_nats` and samples x0, y0, x1, y1, ... Peers are benchmark-mi,
    torch-mist, npeet-plus and scikit-learn, as far as the given Python can import them.
    """

    information: Path | None = None
    """Folder of samples whose information is known."""
    peer_python: Path | None = None
    """The Python of an environment with the peers; default: this Python."""
    seeds: int | None = None
    """Samples of each task, at most; default: all."""
    methods: tuple[str, ...] = ("auto",)
    """Methods of this lab."""
    peers: tuple[str, ...] = ()
    """Methods of other packages, by name; default: all that can be imported."""
    out: Path | None = None
    """File of JSON lines that gets the tasks as they are measured; tasks in the file are not measured again."""

    def __call__(self) -> dict[str, Any]:
        from lab.bench.information import compare

        if self.information is None:
            raise InputError("expected --information FOLDER with samples of known information, got none")
        if self.peer_python is not None and not self.peer_python.is_file():
            raise InputError(
                f"expected the Python of an environment, got {self.peer_python}, which is no file"
            )
        if self.seeds is not None and self.seeds < 1:
            raise InputError(f"expected --seeds from 1, got {self.seeds}")
        with bars() as report:
            rows = compare(
                self.information,
                self.peer_python,
                self.seeds,
                self.methods,
                self.peers,
                self.out,
                report,
            )
        return {"rows": rows}

    def show(self, document: dict[str, Any]) -> None:
        from lab.bench.information import over_tasks as summary

        columns = ("name", "shape", "peer", "ours", "theirs", "ratio", "unit")
        table(
            "ours beside theirs", columns, [[_cell(row[key]) for key in columns] for row in document["rows"]]
        )
        named = ("peer", "tasks", "mean_error", "worst_error", "median_seconds")
        heads = ("", "tasks", "mean error (nats)", "worst error (nats)", "median time (s)")
        table(
            "over all tasks", heads, [[_cell(row[key]) for key in named] for row in summary(document["rows"])]
        )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def parse(words: list[str]) -> "Command | bench_app.Command | bench_training.Command":
    """Parses the words: estimators with --information, the dashboard with --app, else training steps."""
    if "--app" in words:
        return parse_words(bench_app.Command, "lab bench --app", [word for word in words if word != "--app"])
    estimators = any(word.split("=")[0] == "--information" for word in words)
    return parse_words(Command if estimators else bench_training.Command, "lab bench", words)
