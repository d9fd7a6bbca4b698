"""Snapshots of a run: vectors of held-out sentences, step by step, with the sentences."""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.errors import InputError
from core.files import whole_file
from lab.store.atomic import report_full_disk
from lab.store.tables import read_table, write_table
from lab.store.thinning import thinned


class Snapshots:
    """The snapshots in a run folder."""

    name: str
    folder: Path

    def write_sentences(self, table: pd.DataFrame) -> None:
        """Writes the sentences of the snapshots: columns meaning, language, text."""
        write_table(self.folder / "vectors" / "sentences.parquet", table)

    def sentences(self) -> pd.DataFrame:
        """The sentences of the snapshots, in the order of the vectors."""
        return read_table(self.folder / "vectors" / "sentences.parquet", ("meaning", "language", "text"))

    def write_held_out(self, table: pd.DataFrame) -> None:
        """Writes all held-out sentences: columns meaning, language, text."""
        write_table(self.folder / "held_out.parquet", table)

    def held_out(self) -> pd.DataFrame:
        """All held-out sentences, one per meaning and language, which evaluations read."""
        return read_table(self.folder / "held_out.parquet", ("meaning", "language", "text"))

    def write_snapshot(self, step: int, layers: dict[int, np.ndarray]) -> None:
        """Writes sentence vectors by layer, [sentences, hidden], in float16."""
        path = self._snapshot_path(step)
        named = {f"layer.{layer}": each.astype(np.float16) for layer, each in layers.items()}
        with report_full_disk(path):
            path.parent.mkdir(exist_ok=True)
            with whole_file(path) as partial:
                save_file(named, partial)

    def thin_snapshots(self, every: int) -> None:
        """Drops the snapshots that `thinned` leaves out, with everything computed from them."""
        steps = self.snapshots()
        for step in set(steps) - set(thinned(steps, every)):
            for path in (self.folder / "vectors").glob(f"*step-{step:08d}.*"):
                path.unlink()

    def snapshots(self) -> list[int]:
        """Steps with a snapshot, in order."""
        return sorted(_step_of(path) for path in (self.folder / "vectors").glob("step-*.safetensors"))

    def snapshot_times(self) -> tuple[tuple[int, int], ...]:
        """Steps with a snapshot and the time of writing of each, in ns: a cache key for derived tables."""
        return tuple((step, self._snapshot_path(step).stat().st_mtime_ns) for step in self.snapshots())

    def snapshot(self, step: int) -> dict[int, np.ndarray]:
        """Sentence vectors of a step by layer, float32."""
        try:
            tensors = load_file(self._snapshot_path(step))
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(
                f"run {self.name} has no readable snapshot of step {step} ({error}): delete that file"
            ) from error
        layers = {
            int(name.removeprefix("layer.")): tensor.astype(np.float32) for name, tensor in tensors.items()
        }
        return dict(sorted(layers.items()))

    def _snapshot_path(self, step: int) -> Path:
        return self.folder / "vectors" / f"step-{step:08d}.safetensors"

    def drop_snapshots_after(self, last: int) -> None:
        """Drops the snapshots after step `last`, which a resumed run writes again."""
        for step in self.snapshots():
            if step > last:
                self._snapshot_path(step).unlink()


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
