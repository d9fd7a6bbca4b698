"""A cell of a study: one arm with one seed, an ordinary run that is trained, resumed and measured."""

import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from core.config import Frozen, StoredSettings
from core.errors import InputError
from core.objectives import needs_pairs
from core.progress import Progress, no_progress
from core.text.corpus import open_corpus
from lab import store
from lab.evaluate.effort import StudyProtocol
from lab.starting import reopen_run, settings_difference, start_run
from lab.store import Run
from lab.study.baselines import measure_baselines
from lab.study.measures import learning_curves, measure
from lab.text import corpus_of, corpus_tokenizer, encoded, sampler, world_corpus
from lab.text_summary import check_enough
from lab.training import Report, run_training

TRAINING: float = 0.9
"""Share of a cell's time that training takes, about; the rest is measuring."""


class Cell(Frozen):
    """An arm with a seed: the run's name and settings, the base of its study, its text, and how it is measured."""

    name: str
    arm: str
    seed: int
    settings: StoredSettings
    base: StoredSettings
    protocol: StudyProtocol
    corpus: Path | None

    @property
    def run(self) -> Run:
        """The run of the cell, which may not exist yet."""
        return Run(self.name, store.runs_folder() / self.name)


def prepare_text(cell: Cell) -> None:
    """Writes the world, the tokenizer and the ids of a cell, which others share, where they are not kept yet.

    Raises:
        InputError: a run of the cell's settings cannot be trained on its text.
    """
    settings = cell.settings
    corpus = open_corpus(cell.corpus) if cell.corpus else world_corpus(settings.world, settings.seed)
    check_enough(corpus)
    tokenizer = corpus_tokenizer(corpus, settings)
    ids = encoded(corpus, tokenizer, settings.model.max_tokens, no_progress)
    sampler(ids, settings.text, settings.seed, needs_pairs(settings))


def share_done(cell: Cell) -> float:
    """Share of a cell that is done, 0 to 1, as its run's files tell."""
    if not cell.run.folder.is_dir():
        return 0.0
    status = cell.run.status
    return TRAINING * status.step / max(1, cell.settings.steps)


def run_cell(cell: Cell, progress: Progress = no_progress) -> pd.DataFrame:
    """Trains a cell from where it stands, measures it, and returns its units; a finished one is not run again.

    Raises:
        InputError: the run was made with other settings or text, is under way elsewhere, was stopped, or failed.
        NonFiniteLoss: training diverged.
    """

    def report(at: Report) -> None:
        done = TRAINING * at.done / at.total if at.phase == "training" else share_done(cell)
        progress(f"{cell.name}: {at.phase} {at.done:,}/{at.total:,}", done, 1.0)

    if cell.run.folder.is_dir():
        check_same(cell)
    if not cell.run.folder.is_dir():
        run_training(*start_run(cell.name, cell.settings, cell.corpus), report)
    elif cell.run.status.state != "finished":
        run_training(*reopen_run(cell.name), report)
    if cell.run.status.state != "finished":
        raise InputError(f"run {cell.name} is {cell.run.status.state}: {cell.run.status.message}")

    def measuring(phase: str, done: float, of: float) -> None:
        progress(f"{cell.name}: {phase} {done:,}/{of:,}", TRAINING, 1.0)

    measure_baselines(cell.run, measuring)
    return measure(cell.run, cell.base, cell.protocol, measuring)


def check_same(cell: Cell) -> None:
    """Raises InputError where a run of the cell's name has other settings or other text."""
    info = cell.run.info
    difference = settings_difference(cell.settings, info.settings)
    if difference is None and (cell.corpus is None) != (info.corpus == store.WORLD):
        difference = f"corpus: {cell.corpus or store.WORLD}, kept {info.corpus}"
    if difference is not None:
        raise InputError(
            f"run {cell.name} was made with other settings ({difference}): give the study another --name, or "
            f"delete {cell.run.folder.parent}"
        )
    corpus_of(cell.run, cell.corpus)


class CellResults(NamedTuple):
    """Tables of a finished cell: its units, its records of training, and the units of the baselines on its text."""

    units: pd.DataFrame
    curves: pd.DataFrame
    baselines: pd.DataFrame


def results(cell: Cell) -> CellResults:
    """The tables of a finished cell, with its arm and seed."""
    named = {"arm": cell.arm, "seed": cell.seed}
    units = run_cell(cell)
    baselines = measure_baselines(cell.run, no_progress)
    tables = (units, learning_curves(cell.run), baselines)
    return CellResults(*(table.assign(**named) for table in tables))


if __name__ == "__main__":
    # a process of its own for one cell, which outlives the study that started it
    try:
        run_cell(Cell.model_validate_json(Path(sys.argv[1]).read_bytes()))
    except InputError as error:
        raise SystemExit(f"lab: {error}") from error
