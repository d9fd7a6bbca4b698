"""`lab evaluate RUN... --task baselines`: retrieval without a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from core.errors import InputError
from lab.cli.console import out, table
from lab.cli.each_run import each_run


@dataclass(frozen=True)
class Command:
    """Measures retrieval without a network, on the sentences that a run is measured on.

    The baselines are random vectors, tokens and character n-grams that languages share, and linear algebra on the run's
    training translations: cross-lingual latent semantic indexing and generalised canonical correlation. The accuracy
    of a run says little where a baseline comes near.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs: their tokenizer, training text and held-out sentences are read."""
    corpus: Path | None = None
    """Another corpus to measure on; default: the meanings held out from the run's own."""
    dimensions: int = 400
    """Dimensions of the vectors of the baselines that learn."""

    def __call__(self) -> dict[str, Any]:
        from lab.evaluate.baselines import evaluate_baselines

        if self.dimensions < 2:
            raise InputError(f"expected --dimensions from 2, got {self.dimensions}")
        return each_run(
            self.runs,
            "baselines",
            lambda run, tell: evaluate_baselines(run, self.corpus, self.dimensions, tell),
        )

    def show(self, document: dict[str, Any]) -> None:
        for run_document in document.get("runs", [document]):
            _show(run_document)


def _show(document: dict[str, Any]) -> None:
    rows = [
        (
            row["label"],
            f"{row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            f"{row['chance']:.2g}",
            " – ".join(f"{size:,}" for size in sorted(set(row["pools"]))),
            f"{row['seconds']:.1f}",
        )
        for row in document["rows"]
    ]
    table(
        f"run {document['run']}: retrieval without a network",
        ("baseline", "mean accuracy [95 %]", "chance", "pools", "seconds"),
        rows,
    )
    out.print(
        f"Mean over {document['rows'][0]['directions']} directed pairs, cosine; {document['dimensions']} dimensions, "
        f"learned from {document['training_meanings']:,} training meanings; compare with lab evaluate {document['run']}"
    )
