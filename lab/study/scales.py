"""Sizes of studies: the recipe that a study starts from, and how much held-out text its metrics read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from core.config import Settings, WorldSettings
from core.errors import unknown
from lab.evaluate.effort import StudyProtocol
from lab.recipes import Changes, changed, recipe, shortened, smoke
from lab.study.definitions import Study
from lab.world import World

FIRST_SEED: Final = 101
"""First seed of a study: recipes were tuned on smaller seeds, which studies do not use."""
SNAPSHOTS: Final = 12


@dataclass(frozen=True)
class Scale:
    """A size of study: its base settings and its protocol."""

    settings: Callable[[], Settings]
    protocol: StudyProtocol


SCALES: Final[dict[str, Scale]] = {
    "smoke": Scale(smoke, StudyProtocol(candidates=64, sentences=200, truth_sentences=20, directions=1)),
    "toy": Scale(
        lambda: recipe("toy"),
        StudyProtocol(candidates=1_024, sentences=2_000, truth_sentences=1_000, directions=4),
    ),
    "small": Scale(
        lambda: recipe("small"),
        StudyProtocol(candidates=256, sentences=2_000, truth_sentences=1_000, directions=6),
    ),
}
ScaleName = Literal["smoke", "toy", "small"]


def scale_named(name: str) -> Scale:
    """A scale.

    Raises:
        InputError: there is none of this name.
    """
    if name not in SCALES:
        raise unknown("a scale", name, SCALES)
    return SCALES[name]


def base_settings(
    study: Study, scale: str, steps: int | None = None, world: Changes | None = None
) -> Settings:
    """What all arms of a study have in common.

    All read retrieval at the layer that the base contrasts, and keep few snapshots. `steps` of training instead of
    the scale's, with a warm-up that ends before they do; `world`: its settings instead of the scale's. Where it tells
    few meanings and no number is given, a fifth of them are not drawn, to measure XLCO on.
    """
    base = scale_named(scale).settings()
    if world:
        base = changed(base, {"world": world})
        base = base if "meanings" in world else changed(base, {"world": {"meanings": _meanings(base.world)}})
    base = base if steps is None else shortened(base, steps)
    layer = {"layer": base.evaluation_layer, "snapshot_every": max(1, base.steps // SNAPSHOTS)}
    return changed(changed(base, {"seed": FIRST_SEED, "measure": layer}), study.base)


def _meanings(world: WorldSettings) -> int:
    """As many as the settings say, or four fifths of what there are."""
    there = World.load(**world.model_dump(exclude={"meanings"})).num_meanings
    return min(world.meanings, there - there // 5)
