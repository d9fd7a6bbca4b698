"""`lab evaluate RUN...`: sentence retrieval."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from lab import store
from lab.cli.console import out, progress, table

SHOWN = 10


@dataclass(frozen=True)
class Command:
    """Measures retrieval on held-out meanings, every directed pair of languages, with 95 % bootstrap intervals.

    A query is right when its translation is its nearest neighbour by cosine (top-1) among all sentences of the
    other language. Wrong matches come first in the output, the surest first.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs."""
    corpus: Path | None = None
    """Another corpus to measure on; default: the meanings held out from the run's own."""
    layer: int | None = None
    """Hidden state that is read, 0 = embeddings; default: the run's (its contrast layer)."""
    pooling: Literal["mean", "first"] | None = None
    """Of the tokens; default: the run's (mean)."""
    meanings: int = 10_000
    """At most this many meanings are compared."""

    def __call__(self) -> dict[str, Any]:
        from lab.evaluate.run import evaluate_run

        documents = []
        with progress() as bar:
            for name in self.runs:
                task = bar.add_task(f"encoding {name}", total=None, told="")
                documents.append(
                    evaluate_run(
                        store.open_run(name),
                        self.corpus,
                        self.layer,
                        self.pooling,
                        self.meanings,
                        lambda done, of, task=task: bar.update(task, completed=done, total=of),
                    )
                )
        return documents[0] if len(documents) == 1 else {"runs": documents}

    def show(self, document: dict[str, Any]) -> None:
        for one in document.get("runs", [document]):
            _show(one)


def _show(document: dict[str, Any]) -> None:
    wrong = document["errors"]
    if wrong:
        rows = [
            (f"{w['source']}→{w['target']}", w["query"], w["found"], w["expected"], f"{w['margin']:.3f}")
            for w in wrong
        ]
        table(
            f"wrong matches, surest first ({len(wrong)} of {document['wrong']:,})",
            ("pair", "query", "found", "expected", "margin"),
            rows,
        )
    rows = [
        (
            f"{r['source']}→{r['target']}",
            f"{r['accuracy']:.3f}",
            f"{r['low']:.3f} – {r['high']:.3f}",
            f"{r['n']:,}",
        )
        for r in document["retrieval"]
    ]
    table("query→searched, top-1 accuracy", ("pair", "accuracy", "95 % interval", "sentences"), rows)
    low, high = document["interval"]
    out.print(
        f"run {document['run']}: mean accuracy {document['mean_accuracy']:.3f} [{low:.3f}, {high:.3f}] over "
        f"{len(document['retrieval'])} directed pairs, layer {document['layer']}, {document['pooling']} pooling, cosine"
    )
