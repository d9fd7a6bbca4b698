"""`lab bench`: training steps beside peers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from lab.cli.console import bars, out, table

Part = Literal["joint", "contrast", "growth", "vocabulary"]
COLUMNS = ("name", "shape", "peer", "ours", "theirs", "ratio", "unit")


@dataclass(frozen=True)
class Command:
    """Speed and memory of a training step beside peers, in one process, as ratios; above 1 ours is better.

    Peers take the same step on the same text, masks and weights with the same optimizer: plain transformers with
    padded batches (logits at every position, or at masked positions only), and for contrast alone
    sentence-transformers' MultipleNegativesRankingLoss. `lab bench --information FOLDER` compares estimators
    instead, `lab bench --app` measures the dashboard.
    """

    shapes: tuple[Literal["small", "base"], ...] = ("small", "base")
    """small: 6 layers x 256, 16,000 tokens. base: 12 x 768, 250,002 tokens, which takes 18 GiB of memory."""
    parts: tuple[Part, ...] = ("joint", "contrast", "growth")
    """joint: MMLM, TLM and XLCO with the paper's settings. growth: with batch, vocabulary, queue and corpus.
    vocabulary: the loss of MMLM with k-NN target sampling beside the full softmax, at 16,000, 250,002 and 500,000
    tokens."""
    corpus: Path | None = None
    """Text to train on; default: synthetic tokens, as long as image captions."""
    examples: int | None = None
    """Examples of each task per step; default: 256 small, 40 base."""
    repetitions: int = 5
    """Timed steps of each contender, after a step that warms up."""

    def __call__(self) -> dict[str, Any]:
        from lab.bench.training import bench_training

        for name, value, least in (("examples", self.examples, 2), ("repetitions", self.repetitions, 1)):
            if value is not None and value < least:
                raise InputError(f"expected --{name} from {least}, got {value}")
        with bars() as report:
            return bench_training(
                self.parts, self.shapes, self.corpus, self.examples, self.repetitions, report
            )

    def show(self, document: dict[str, Any]) -> None:
        rows = [[cell(row[key]) for key in COLUMNS] for row in document["rows"]]
        table("ours beside theirs", COLUMNS, rows)
        out.print(
            f"text: {document['text']}\n"
            f"{document['device']}, {document['threads']} threads, precision {document['precision']}, "
            f"torch {document['versions']['torch']}, {document['date']}"
        )


def cell(value: Any) -> str:
    """A value of a row, for a table."""
    if value is None:
        return ""
    return f"{value:,.{3 if value < 10 else 1}f}" if isinstance(value, float) else str(value)
