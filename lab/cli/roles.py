"""`lab evaluate RUN... --task roles`: who did what to whom."""

from dataclasses import dataclass
from typing import Any, Final

import tyro

from core.errors import InputError
from lab.cli.console import out, table
from lab.cli.each_run import each_run

DIRECTIONS_SHOWN: Final = 6


@dataclass(frozen=True)
class Command:
    """Measures whether a sentence lies nearer to its translation than to the translation with the people exchanged.

    "Amina gave Martin a key" and "Martin gave Amina a key" have nearly the same words, so a bag of words is right half
    the time. Every hidden state of the run is read, and every baseline without a network. The run needs a world that
    tells role facts: --world.relations transfer comparison negation coreference.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs."""
    dimensions: int = 400
    """Dimensions of the vectors of the baselines that learn."""

    def __call__(self) -> dict[str, Any]:
        from lab.evaluate.roles import evaluate_roles

        if self.dimensions < 2:
            raise InputError(f"expected --dimensions from 2, got {self.dimensions}")
        return each_run(
            self.runs, "roles", lambda run, report: evaluate_roles(run, self.dimensions, progress=report)
        )

    def show(self, document: dict[str, Any]) -> None:
        for run_document in document.get("runs", [document]):
            _show(run_document)


def _show(document: dict[str, Any]) -> None:
    rows = document["rows"]
    relations = list(dict.fromkeys(row["relation"] for row in rows if row["relation"]))
    directions = list(dict.fromkeys((row["source"], row["target"]) for row in rows if row["source"]))
    table(
        f"run {document['run']}: nearer to the translation than to that of the exchanged fact",
        ("vectors", "all [95 %]", *relations),
        [
            (name, *(_cell(row, interval=row["relation"] is None) for row in cells))
            for name, cells in _by_vectors([row for row in rows if row["source"] is None]).items()
        ],
    )
    if len(directions) <= DIRECTIONS_SHOWN:
        table(
            "the same by direction",
            ("vectors", *("→".join(each) for each in directions)),
            [
                (name, *map(_cell, cells))
                for name, cells in _by_vectors([row for row in rows if row["source"]]).items()
            ],
        )
    out.print(
        f"{document['facts']:,} facts in {len(directions)} directed pairs, cosine, {document['pooling']} pooling; "
        "guessing is right for 0.500. Layer 0 are the embeddings of words and positions, before any word meets another."
    )


def _by_vectors(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [row for row in rows if row["vectors"] == name]
        for name in dict.fromkeys(row["vectors"] for row in rows)
    }


def _cell(row: dict[str, Any], interval: bool = False) -> str:
    return f"{row['accuracy']:.3f}" + (f" [{row['low']:.3f}, {row['high']:.3f}]" if interval else "")
