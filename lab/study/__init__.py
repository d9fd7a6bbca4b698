"""Studies: a base recipe, arms that change it, seeds that repeat it, and a table with intervals.

>>> from lab.study import STUDIES
>>> print(STUDIES["tasks"].question)
What does each pretext task add?
"""

from pathlib import Path

import pandas as pd

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.recipes import Changes
from lab.store.study import StudyFolder, list_studies, open_study
from lab.study.definitions import STUDIES, study_named
from lab.study.scales import ScaleName
from lab.study.statistics import compared

__all__ = ["STUDIES", "against", "list_studies", "open_study", "run_study", "study"]


def study(
    name: str,
    scale: ScaleName = "toy",
    seeds: int = 3,
    corpus: Path | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """The table of a study, one row per arm and metric, as `compared` describes it.

    What was carried out before is not carried out again, and a study that was stopped goes on where it was.

    Args:
        name: out of `STUDIES`.
        scale: "smoke" (seconds a cell), "toy" or "small".
        seeds: how many times each arm is trained; all arms of a seed share their text.
        corpus: folder of other text; default: the built-in world.
        jobs: cells carried out at a time, each in a process of its own if more than one.
        progress: reports what is under way, cells done (a fraction counts) and cells in all.

    Raises:
        InputError: no such study or scale, or cells failed; the others are kept, and a second call tries those again.
    """
    folder, failed = run_study(name, scale, seeds, corpus, jobs, progress=progress)
    if failed:
        failed_cell, why = next(iter(failed.items()))
        raise InputError(
            f"{len(failed)} cells failed ({failed_cell}: {why}): the others are kept, call again"
        )
    return folder.table()


def against(folder: StudyFolder, reference: str) -> pd.DataFrame:
    """The table of a study that has been carried out, compared with another arm than the study's own reference.

    Raises:
        InputError: there is no such arm.
    """
    return compared(folder.units(), reference, {arm.name: arm.label for arm in folder.info.arms})


def run_study(
    name: str,
    scale: ScaleName = "toy",
    seeds: int = 3,
    corpus: Path | None = None,
    jobs: int = 1,
    folder: str | None = None,
    steps: int | None = None,
    progress: Progress = no_progress,
    world: Changes | None = None,
) -> tuple[StudyFolder, dict[str, str]]:
    """Runs a study as `study` does, under a name of its own, with other training steps and worlds if wanted.

    Returns the folder of the study, and why cells failed, by cell.
    """
    from lab.study.grid import collect, plan, run_grid

    grid = plan(study_named(name), scale, seeds, corpus, folder, steps, world)
    failed = run_grid(grid, jobs, progress)
    return collect(grid, failed), failed
