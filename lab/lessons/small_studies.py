"""Studies cut down to a lesson: some of their arms, on a base that trains in seconds, and its measures likewise."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from core.errors import InputError, unknown
from lab import store
from lab.evaluate.effort import StudyProtocol
from lab.lessons.output import progress_line
from lab.recipes import Changes
from lab.store import Run
from lab.store.study import StudyFolder
from lab.study.definitions import Arm, study_named
from lab.study.grid import Grid, collect, plan, run_grid

SHORT: Final[dict[str, Any]] = {
    "steps": 120,
    "world": {"languages": ("ar", "en", "fr", "hi", "zh"), "meanings": 6_000},
    "text": {"held_out": 300},
    "tokenizer": {"vocabulary": 3_000},
    "optimizer": {"warmup": 20},
    "measure": {"retrieval_meanings": 100, "snapshot_every": 10, "checkpoint_every": 60},
}
"""Changes to `toy`: five of its languages and an eighth of its steps."""
PROTOCOL: Final = StudyProtocol(candidates=1_024, sentences=1_000, truth_sentences=200, directions=2)
CONTRAST_ONLY: Final[dict[str, Any]] = {"mmlm": {"enabled": False}, "tlm": {"enabled": False}}
"""Changes that leave the contrast as the only task."""


def small_study(
    name: str,
    scale: str,
    arms: Sequence[str],
    seeds: int = 3,
    changes: Changes | None = None,
    corpus: Path | None = None,
) -> StudyFolder:
    """Some arms of a study, carried out now or found again; the first one is the reference.

    At `toy` its base is the recipe cut short (`SHORT`), at other scales the study's own.

    Args:
        name: of the study.
        scale: "smoke", "toy" or "small".
        arms: names of some of its arms.
        seeds: how many times each is trained.
        changes: to the base, for all arms.
        corpus: folder of other text; default: the built-in world.

    Raises:
        InputError: no such study, scale or arm, or a cell failed; the others are kept.
    """
    grid = excerpted(name, scale, arms, seeds, changes or {}, corpus)
    with progress_line(f"study {name}, {len(grid.cells)} runs") as tell:
        failed = run_grid(
            grid, 1, lambda phase, done, of: tell(phase.removeprefix(f"{grid.name}/"), done, of)
        )
    if failed:
        failed_cell, why = next(iter(failed.items()))
        raise InputError(
            f"{len(failed)} runs of the study {name} failed ({failed_cell}: {why}): run the cell again"
        )
    return collect(grid, failed)


def excerpted(
    name: str, scale: str, arms: Sequence[str], seeds: int, changes: Changes, corpus: Path | None
) -> Grid:
    """The cells of an excerpt, under a name that tells excerpts with other settings apart."""
    short = scale == "toy"
    study = study_named(name)
    base = together(together(study.base, SHORT if short else {}), changes)
    excerpt = replace(
        study, base=base, arms=lambda settings: named(study.arms(settings), arms), reference=arms[0]
    )
    grid = plan(excerpt, scale, seeds, corpus, None)
    cells = [cell.model_copy(update={"protocol": PROTOCOL} if short else {}) for cell in grid.cells]
    content = "\n".join(f"{cell.settings.model_dump_json()} {cell.corpus}" for cell in cells)
    excerpt_name = f"{grid.name}-excerpt-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    renamed = [cell.model_copy(update={"name": f"{excerpt_name}/{cell.arm}-{cell.seed}"}) for cell in cells]
    return replace(grid, name=excerpt_name, cells=tuple(renamed))


def named(arms: Sequence[Arm], names: Sequence[str]) -> tuple[Arm, ...]:
    """The arms of these names, in their order.

    Raises:
        InputError: there is none of a name.
    """
    known = {arm.name: arm for arm in arms}
    if missing := [name for name in names if name not in known]:
        raise unknown("an arm", missing[0], known)
    return tuple(known[name] for name in names)


def together(changes: Changes, more: Changes) -> dict[str, Any]:
    """Changes of both; where they differ, the second one's.

    >>> together({"contrast": {"queue": 64, "layer": 1}}, {"contrast": {"queue": 0}, "steps": 9})
    {'contrast': {'queue': 0, 'layer': 1}, 'steps': 9}
    """
    both = {
        key: {**changes[key], **value}
        for key, value in more.items()
        if isinstance(value, Mapping) and isinstance(changes.get(key), Mapping)
    }
    return {**changes, **more, **both}


def study_table(study: StudyFolder, *metrics: str) -> pd.DataFrame:
    """A study to be read: per metric and arm the value [95 % interval], and the difference from the first arm."""
    table = study.table()
    rows = [
        {
            "metric": row["title"],
            "arm": row["label"],
            "value": _numbers(row["value"], row["low"], row["high"], row["unit"]),
            f"less {table['label'].iloc[0]}": "—"
            if pd.isna(row["difference"])
            else _numbers(row["difference"], row["difference_low"], row["difference_high"], row["unit"], "+"),
            "p (Holm)": row["p_words"] or "—",
        }
        for key in metrics
        for row in table[table["metric"] == key].to_dict("records")
    ]
    return pd.DataFrame(rows).set_index(["metric", "arm"])


def _numbers(value: float, low: float, high: float, unit: str, sign: str = "") -> str:
    number = f"{sign}.1%" if unit == "share" else f"{sign}.2f"
    return f"{value:{number}} [{low:{number}}, {high:{number}}]{' nats' if unit == 'nats' else ''}"


def run_of(study: StudyFolder, arm: str) -> Run:
    """The run of an arm with the first seed."""
    return store.open_run(f"{study.name}/{arm}-{study.info.seeds[0]}")


def value_of(study: StudyFolder, arm: str, metric: str) -> float:
    """The mean over seeds of an arm's metric."""
    table = study.table()
    return float(table[(table["arm"] == arm) & (table["metric"] == metric)]["value"].iloc[0])
