"""Maps of sentence vectors: from many dimensions to two or three, without a jump between checkpoints or layers.

Every frame is fitted alone (principal components of the unit vectors, or UMAP started from them), so its orientation
is arbitrary. Each frame is therefore turned onto the frame before it by the rotation that fits best (orthogonal
Procrustes), and frames of other layers are turned onto the frames of the layer that retrieval reads. A frame never
changes when later frames arrive.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes
from threadpoolctl import threadpool_limits

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.store import Run, cache_folder

Method = Literal["pca", "umap"]
METHODS: Final[tuple[Method, ...]] = ("pca", "umap")
MARGIN: Final = 1.08


@dataclass(frozen=True)
class Frame:
    """A map of one snapshot.

    Attributes:
        step: of the snapshot.
        points: [sentences, dimensions].
        share: share of the variance of the unit vectors that the axes hold, 0 to 1; None for UMAP.
        centre, axes: of a linear map, points = (unit vectors - centre) @ axes; None for UMAP.
    """

    step: int
    points: np.ndarray
    share: float | None = None
    centre: np.ndarray | None = None
    axes: np.ndarray | None = None

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Points of other vectors of the same model, [n, dimensions]; only for a linear map."""
        assert self.centre is not None, "UMAP has no formula for new points"
        assert self.axes is not None
        return (unit(vectors) - self.centre) @ self.axes


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, so that inner products are cosines; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)


def principal(vectors: np.ndarray, dimensions: int, step: int = 0) -> Frame:
    """Principal components of the unit vectors, with signs such that the same vectors give the same map."""
    rows = unit(np.asarray(vectors, dtype=np.float64))
    centre = rows.mean(axis=0)
    _, spread, directions = np.linalg.svd(rows - centre, full_matrices=False)
    axes = np.zeros((rows.shape[1], dimensions))
    leading = directions[:dimensions].T
    largest = leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])]
    axes[:, : leading.shape[1]] = leading * np.where(largest < 0, -1.0, 1.0)
    total = float((spread**2).sum())
    share = float((spread[:dimensions] ** 2).sum()) / total if total > 0 else 0.0
    return Frame(step, (rows - centre) @ axes, share, centre, axes)


def turned(frame: Frame, reference: Frame | None) -> Frame:
    """The frame after the rotation or reflection that brings its points closest to those of `reference`.

    Distances within the frame stay as they are.
    """
    if reference is None:
        return frame
    rotation, _ = orthogonal_procrustes(frame.points, reference.points)
    axes = None if frame.axes is None else frame.axes @ rotation
    return replace(frame, points=frame.points @ rotation, axes=axes)


def chained(frames: Sequence[Frame], anchors: Sequence[Frame] | None = None) -> list[Frame]:
    """Each frame turned onto the frame before it, or onto its anchor."""
    oriented: list[Frame] = []
    for position, frame in enumerate(frames):
        before = oriented[-1] if oriented else None
        oriented.append(turned(frame, anchors[position] if anchors else before))
    return oriented


def half_width(frames: Sequence[Frame]) -> float:
    """Half the side of the square or cube that holds every frame, for axes that stay fixed."""
    return (
        MARGIN
        * max((float(np.abs(frame.points).max()) for frame in frames if frame.points.size), default=1.0)
        or 1.0
    )


def principal_frames(run: Run, layer: int, dimensions: int) -> list[Frame]:
    """PCA of every snapshot of a layer, chained; other layers are anchored at the layer that retrieval reads."""
    snapshots = {step: run.snapshot(step) for step in run.snapshots()}
    return layered(snapshots, layer, evaluation_layer(run, snapshots), dimensions)


def layered(
    snapshots: dict[int, dict[int, np.ndarray]], layer: int, anchor: int, dimensions: int
) -> list[Frame]:
    """PCA frames of `layer` over snapshots {step: {layer: vectors}}, oriented by the frames of layer `anchor`."""
    if any(layer not in layers for layers in snapshots.values()):
        raise InputError(f"expected a layer that every snapshot holds, got {layer}: choose another")
    # matrices this small cost ten times as much when a training run competes for the threads
    with threadpool_limits(limits=1, user_api="blas"):
        anchors = chained([principal(layers[anchor], dimensions, step) for step, layers in snapshots.items()])
        if layer == anchor:
            return anchors
        return chained(
            [principal(layers[layer], dimensions, step) for step, layers in snapshots.items()], anchors
        )


def evaluation_layer(run: Run, snapshots: dict[int, dict[int, np.ndarray]]) -> int:
    """The hidden state that retrieval reads; snapshots hold all hidden states of the model.

    Raises:
        InputError: the settings of the run name a layer that its model does not have.
    """
    top = max((max(layers) for layers in snapshots.values()), default=None)
    settings = run.info.settings
    return settings.evaluation_layer if top is None else settings.evaluation_layer_of(top)


def umap_name(step: int, layer: int, dimensions: int) -> str:
    """The name under which the store keeps a UMAP frame."""
    return f"umap-{dimensions}d-layer-{layer}-step-{step:08d}"


def umap_frames(run: Run, layer: int, dimensions: int) -> list[Frame]:
    """The UMAP frames computed so far, in the order of their snapshots, chained."""
    tables = {step: run.table(umap_name(step, layer, dimensions)) for step in run.snapshots()}
    frames = [
        Frame(step, table.to_numpy(dtype=np.float64)) for step, table in tables.items() if table is not None
    ]
    return chained(frames)


def compute_umap(
    run: Run,
    layer: int,
    dimensions: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> list[Frame]:
    """UMAP of every snapshot of a layer by cosine distances; frames in the store are not computed again.

    Each frame starts where the frame before it ended, and the first frame at the PCA, so that a point which moves on
    the map moved in the model. The same snapshots and seed give the same frames.
    """
    _keep_compiled_code()
    from umap import UMAP  # numba compiles for about ten seconds: never in the dashboard's own process

    steps = run.snapshots()
    if steps and layer not in (layers := run.snapshot(steps[-1])):
        raise InputError(f"expected a layer from 0 to {max(layers)}, got {layer}")
    start: np.ndarray | None = None
    for done, step in enumerate(steps):
        progress("umap", done, len(steps))
        table = run.table(umap_name(step, layer, dimensions))
        if table is None:
            vectors = unit(run.snapshot(step)[layer])
            begin = principal(vectors, dimensions).points if start is None else start
            spread = float(np.abs(begin).max()) or 1.0
            reducer = UMAP(
                n_components=dimensions,
                n_neighbors=min(15, len(vectors) - 1),
                metric="cosine",
                init=(10.0 * begin / spread).astype(np.float32),
                random_state=seed,
                n_jobs=1,
            )
            points = np.asarray(reducer.fit_transform(vectors), dtype=np.float64)
            columns = ["x", "y", "z"][:dimensions]
            table = pd.DataFrame(points - points.mean(axis=0), columns=columns)
            run.write_table(umap_name(step, layer, dimensions), table)
        start = table.to_numpy(dtype=np.float64)
    progress("umap", len(steps), len(steps))
    return umap_frames(run, layer, dimensions)


def _keep_compiled_code() -> None:
    """Lets numba store compiled code in the cache of the lab where it cannot write beside its package."""
    package = find_spec("pynndescent")
    assert package is not None
    assert package.origin is not None
    if not os.access(Path(package.origin).parent, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))


def neighbours(vectors: np.ndarray, sentences: pd.DataFrame, row: int, count: int = 8) -> pd.DataFrame:
    """The sentences nearest to a sentence by cosine: columns meaning, language, text, cosine, translation."""
    return nearest(
        vectors,
        sentences.drop(index=sentences.index[row]),
        vectors[row],
        count,
        int(sentences["meaning"].iloc[row]),
    )


def nearest(
    vectors: np.ndarray,
    sentences: pd.DataFrame,
    query: np.ndarray,
    count: int = 8,
    meaning: int | None = None,
) -> pd.DataFrame:
    """The `sentences` nearest to a vector by cosine; the index gives their rows in `vectors`."""
    rows = sentences.index.to_numpy()
    cosines = unit(vectors[rows]) @ unit(query[None])[0]
    order = np.argsort(-cosines, kind="stable")[:count]
    matches = sentences.iloc[order]
    return matches.assign(
        cosine=cosines[order], translation=(matches["meaning"] == meaning) if meaning is not None else False
    )
