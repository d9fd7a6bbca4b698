"""A study as a grid of cells: which there are, carried out one by one or several at a time, and put together."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from core.errors import InputError
from core.progress import Progress
from core.train import NonFiniteLoss
from lab import store
from lab.recipes import Changes, changed
from lab.store.study import ArmInfo, Contrast, StudyFolder, StudyInfo, study_folder
from lab.study.cells import TRAINING, Cell, check_same, prepare_text, results, run_cell, share_done
from lab.study.contrasts import default_contrasts
from lab.study.corpora import unequal_world
from lab.study.definitions import Arm, Study
from lab.study.metrics import metric
from lab.study.scales import FIRST_SEED, base_settings, scale_named
from lab.study.statistics import compared
from lab.world.facts import role_relations

POLL_SECONDS: Final = 0.5
"""Called with cells done (a fraction counts), cells in all, and what is under way."""


@dataclass(frozen=True)
class Grid:
    """A study laid out: its definition, its size, and its cells, seed by seed."""

    name: str
    study: Study
    scale: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    reference: str
    cells: tuple[Cell, ...]
    world: Changes


def plan(
    study: Study,
    scale: str,
    seeds: int,
    corpus: Path | None,
    name: str | None,
    steps: int | None = None,
    world: Changes | None = None,
) -> Grid:
    """Lays out the cells of a study; writes nothing but text that is missing in the cache.

    Raises:
        InputError: no such scale, fewer than one seed or step, or a question that this text cannot answer.
    """
    if steps is not None and steps < 1:
        raise InputError(f"expected --steps from 1, got {steps}")
    if seeds < 1:
        raise InputError(f"expected --seeds from 1, got {seeds}")
    if corpus is not None and study.world_only:
        raise InputError(
            f"the study {study.name} needs text whose information is known, got {corpus}: leave --corpus out"
        )
    world = world or {}
    if corpus is not None and world:
        raise InputError("settings of the world are not read with --corpus: leave one of them out")
    name = store.check_name(name or "-".join([study.name, scale, *_text_names(corpus, world)]))
    base, protocol = base_settings(study, scale, steps, world), scale_named(scale).protocol
    arms = study.arms(base)
    seed_numbers = tuple(range(FIRST_SEED, FIRST_SEED + seeds))
    cells = []
    for seed in seed_numbers:
        text = unequal_world(base.world, seed) if study.unequal and corpus is None else corpus
        for arm in arms:
            settings = changed(base, {**arm.changes, "seed": seed})
            cells.append(
                Cell(
                    name=f"{name}/{arm.name}-{seed}",
                    arm=arm.name,
                    seed=seed,
                    settings=settings,
                    base=base,
                    protocol=protocol,
                    corpus=text,
                )
            )
    return Grid(
        name, study, scale, seed_numbers, arms, study.reference or _same(base, arms), tuple(cells), world
    )


def _text_names(corpus: Path | None, world: Changes) -> list[str]:
    """The part of a study's name that names its text where that is not the scale's."""
    roles = bool(set(world.get("relations", ())) & set(role_relations()))
    return [*([corpus.name] if corpus else []), *(["roles"] if roles else [])]


def _same(base: object, arms: Sequence[Arm]) -> str:
    """The arm that is the base itself, or the first."""
    same = [arm.name for arm in arms if changed(base, arm.changes) == base]  # pyright: ignore[reportArgumentType]
    return (same or [arms[0].name])[0]


def run_grid(grid: Grid, jobs: int, progress: Progress) -> dict[str, str]:
    """Carries out the cells that are not finished; returns failures by cell, which a second call tries again.

    Raises:
        InputError: a cell of this name was made with other settings, or cannot be trained on its text; before any is
            carried out.
    """
    study_folder(grid.name)
    for cell in grid.cells:
        if cell.run.folder.is_dir():
            check_same(cell)
    if jobs < 1:
        raise InputError(f"expected --jobs from 1, got {jobs}")
    _prepare_texts(grid, progress)
    return _one_by_one(grid, progress) if jobs == 1 else _side_by_side(grid, jobs, progress)


def _prepare_texts(grid: Grid, progress: Progress) -> None:
    """Writes what the cells read, which many share: text that cannot serve is found out before the first is trained."""
    for cell in grid.cells:
        if share_done(cell) < TRAINING:
            progress(f"{cell.name}: text", 0, len(grid.cells))
            prepare_text(cell)


def _one_by_one(grid: Grid, progress: Progress) -> dict[str, str]:
    failed: dict[str, str] = {}
    for done, cell in enumerate(grid.cells):
        try:
            run_cell(cell, lambda phase, share, _, done=done: progress(phase, done + share, len(grid.cells)))
        except (InputError, NonFiniteLoss, MemoryError) as error:
            failed[cell.name] = str(error)
        progress(cell.name, done + 1, len(grid.cells))
    return failed


def _side_by_side(grid: Grid, jobs: int, progress: Progress) -> dict[str, str]:
    """Every cell in a process of its own, `jobs` at a time, which share the cores."""
    left, failed, done = list(grid.cells), dict[str, str](), 0
    running: dict[str, tuple[Cell, subprocess.Popen[bytes]]] = {}
    try:
        while left or running:
            while left and len(running) < jobs:
                cell = left.pop(0)
                running[cell.name] = cell, _start(cell, jobs)
            time.sleep(POLL_SECONDS)
            for cell, process in [each for each in running.values() if each[1].poll() is not None]:
                del running[cell.name]
                done += 1
                if process.returncode:
                    failed[cell.name] = _last_words(cell)
            under_way = sum(share_done(cell) for cell, _ in running.values())
            progress(", ".join(running), done + under_way, len(grid.cells))
    finally:
        for _, process in running.values():
            process.terminate()
    return failed


def _start(cell: Cell, jobs: int) -> subprocess.Popen[bytes]:
    plain = cell.name.replace("/", ".")
    cell_file, log = (store.cache_folder() / f"{plain}.{kind}" for kind in ("json", "log"))
    store.replace(cell_file, cell.model_dump_json().encode())
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "lab.study.cells", str(cell_file)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive"},
        )


def _last_words(cell: Cell) -> str:
    last_line = cell.run.log_tail(1)
    return last_line.removeprefix("lab: ") or "its process ended without a word"


def collect(grid: Grid, failed: dict[str, str]) -> StudyFolder:
    """Puts the finished cells together and keeps the result in the study's folder.

    Raises:
        InputError: the reference arm has no finished cell.
    """
    measured = [results(cell) for cell in grid.cells if cell.name not in failed]
    if not any((cell.units["arm"] == grid.reference).any() for cell in measured):
        failed_cell = next(iter(failed), "")
        raise InputError(
            f"no cell of the reference arm {grid.reference} was finished ({failed_cell}: {failed.get(failed_cell)})"
        )
    units, curves, baselines = (_joined(parts) for parts in zip(*measured, strict=True))
    labels = {arm.name: arm.label for arm in grid.arms}
    curves = curves.assign(
        label=curves["arm"].map(labels), title=[metric(key).label for key in curves["metric"]]
    )
    folder = study_folder(grid.name)
    folder.write(
        _info(grid, failed, set(units["metric"])),
        units,
        curves,
        compared(units, grid.reference, labels),
        baselines,
    )
    return folder


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several cells below each other, of which some may be empty."""
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _metrics(grid: Grid, measured: set[str]) -> tuple[str, ...]:
    """The metrics that answer the study's question, roles beside retrieval where the text tells role facts."""
    primary, *secondary = grid.study.metrics
    return (primary, *(["roles"] if "roles" in measured else []), *secondary)


def _contrasts(grid: Grid, measured: set[str]) -> tuple[Contrast, ...]:
    """The primary comparisons between arms that this grid has.

    Where the study names none: all arms against the reference in its first metric, and in roles where the text tells
    role facts.
    """
    names = [arm.name for arm in grid.arms]
    named = [
        contrast for contrast in grid.study.contrasts if {contrast.arm, contrast.reference} <= set(names)
    ]
    keys = [key for key in (grid.study.metrics[0], "roles") if key in measured]
    return tuple(named) or tuple(
        contrast for key in keys for contrast in default_contrasts(key, names, grid.reference)
    )


def _info(grid: Grid, failed: dict[str, str], measured: set[str]) -> StudyInfo:
    finished_cell = next(cell for cell in grid.cells if cell.name not in failed)
    info = finished_cell.run.info
    return StudyInfo(
        name=grid.name,
        study=grid.study.name,
        question=grid.study.question,
        scale=grid.scale,
        corpus=info.corpus if grid.cells[0].corpus and not grid.study.unequal else "world",
        seeds=grid.seeds,
        reference=grid.reference,
        metrics=_metrics(grid, measured),
        world=dict(grid.world),
        arms=tuple(ArmInfo(name=arm.name, label=arm.label, changes=dict(arm.changes)) for arm in grid.arms),
        contrasts=_contrasts(grid, measured),
        base=finished_cell.base,
        protocol=finished_cell.protocol.model_dump(),
        created=datetime.now(UTC),
        device=info.device,
        commit=info.commit,
        versions=info.versions,
        missing=tuple(failed),
    )
