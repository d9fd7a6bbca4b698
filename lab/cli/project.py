"""`lab project RUN`: maps of sentence vectors by UMAP, which takes too long for a page."""

from dataclasses import dataclass
from typing import Any, Literal

import tyro

from lab import store
from lab.cli.console import bars, out


@dataclass(frozen=True)
class Command:
    """Lays out every snapshot of a run by UMAP and stores the maps in the run's folder; maps in the folder stay."""

    run: tyro.conf.Positional[str]
    """Name of the run."""
    layer: int | None = None
    """Hidden state to map, 0 = embeddings; default: the hidden state that retrieval reads."""
    dimensions: Literal[2, 3] = 2
    """Dimensions of the map."""

    def __call__(self) -> dict[str, Any]:
        from lab.projection import compute_umap, evaluation_layer

        run = store.open_run(self.run)
        newest = {step: run.snapshot(step) for step in run.snapshots()[-1:]}
        layer = evaluation_layer(run, newest) if self.layer is None else self.layer
        with bars() as report:
            frames = compute_umap(
                run,
                layer,
                self.dimensions,
                progress=report,
            )
        return {
            "run": run.name,
            "layer": layer,
            "dimensions": self.dimensions,
            "frames": [frame.step for frame in frames],
        }

    def show(self, document: dict[str, Any]) -> None:
        out.print(
            f"{len(document['frames'])} maps of layer {document['layer']} of {document['run']}; look at them: lab app"
        )
