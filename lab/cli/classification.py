"""`lab evaluate RUN... --task classification`: zero-shot transfer of a classifier."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from core.errors import InputError
from lab.cli.console import out, table
from lab.cli.each_run import each_run


@dataclass(frozen=True)
class Command:
    """Trains a classifier on one language and tests it on all: zero-shot accuracy, and the gap to that language.

    The classifier learns from the run's training text and is tested on held-out meanings. In the built-in world its
    classes are the relations of facts; other text needs a file of labels. 95 % intervals are Clopper and Pearson's for
    a language, and over meanings for means and gaps.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs."""
    source: str = "en"
    """Language of the training sentences."""
    fine_tune: bool = False
    """Train the encoder too; default: logistic regression on its sentence vectors."""
    labels: Path | None = None
    """A .tsv, .csv or .parquet file with the columns meaning and label, such as an imported file."""
    layer: int | None = None
    """Hidden state that is read, 0 = embeddings; default: the run's, the top one with --fine-tune."""
    pooling: Literal["mean", "first"] | None = None
    """Pooling of the tokens; default: the run's (mean)."""
    sentences: int = 2_000
    """Training sentences, at most."""
    seed: int = 0
    """Seed of the drawn sentences and of the fine-tuning."""

    def __call__(self) -> dict[str, Any]:
        from lab.evaluate.classification import classify_run

        if self.sentences < 2:
            raise InputError(f"expected --sentences from 2, got {self.sentences}")
        method = "fine-tune" if self.fine_tune else "probe"
        return each_run(
            self.runs,
            "classification",
            lambda run, tell: classify_run(
                run,
                self.source,
                method,
                self.labels,
                self.layer,
                self.pooling,
                self.sentences,
                self.seed,
                tell,
            ),
        )

    def show(self, document: dict[str, Any]) -> None:
        for run_document in document.get("runs", [document]):
            _show(run_document)


def _show(document: dict[str, Any]) -> None:
    rows = [
        (
            row["language"] or "mean of the others",
            f"{row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            "" if row["language"] == document["source"]
            else f"{row['gap']:+.3f} [{row['gap_low']:+.3f}, {row['gap_high']:+.3f}]",
            f"{row['n']:,}",
        )
        for row in [*document["rows"], document["mean"]]
    ]  # fmt: skip
    table(
        f"run {document['run']}: learned from {document['sentences']:,} sentences in {document['source']}",
        ("tested in", "accuracy [95 %]", f"gap to {document['source']} [95 %]", "sentences"),
        rows,
    )
    out.print(
        f"{document['method']}, layer {document['layer']}, {document['pooling']} pooling; "
        f"{document['classes']} classes, always the most frequent one would be right for {document['majority']:.3f}",
        markup=False,
    )
