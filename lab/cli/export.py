"""`lab export RUN`: a portable bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from lab import store
from lab.cli.console import out, table


@dataclass(frozen=True)
class Command:
    """Writes a run as a folder that transformers and sentence-transformers open, and that training can start from.

    `AutoModel` opens the whole encoder, `SentenceTransformer` its layers up to the chosen one with their pooling.
    Contrast head, key encoder and queue lie beside it, with settings, scores and a model card.
    """

    run: tyro.conf.Positional[str]
    """Name of the run."""
    out: Path | None = None
    """Folder to write; default: exports/RUN."""
    layer: int | None = None
    """Hidden state of the sentence vectors; default: the hidden state that retrieval reads."""
    pooling: Literal["mean", "first"] | None = None
    """Pooling of the tokens; default: the run's (mean)."""
    overwrite: bool = False
    """Replace the folder if it exists."""

    def __call__(self) -> dict[str, Any]:
        from lab.bundle import bundle

        run = store.open_run(self.run)
        return bundle(run, self.out or Path("exports") / run.name, self.layer, self.pooling, self.overwrite)

    def show(self, document: dict[str, Any]) -> None:
        rows = [(name, f"{size / 2**20:.1f} MiB") for name, size in document["files"].items()]
        table(document["folder"], ("file", "size"), rows)
        out.print(
            f"run {document['run']} at step {document['step']:,}: SentenceTransformer({document['folder']!r}) gives "
            f"hidden state {document['layer']}, {document['pooling']} pooling",
            markup=False,
        )
