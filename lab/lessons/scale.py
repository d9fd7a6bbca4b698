"""The scale of a lesson: its settings, its runs, and the ledger of a run. Runs are trained once and found again."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import plotly.io
from transformers.utils import logging

from core.config import Settings
from core.errors import InputError
from lab import store
from lab.evaluate.effort import Effort
from lab.evaluate.information import information_of_run
from lab.figures.theme import TEMPLATE, template
from lab.lessons.output import progress_line, say
from lab.recipes import changed
from lab.starting import reopen_run, settings_difference, start_run
from lab.store import Run
from lab.study.scales import scale_named
from lab.training import run_training

ROOT: Final = Path(__file__).parents[2]
CANDIDATES: Final = {"smoke": (4, 16, 64), "toy": (16, 64, 256, 1_024, 4_096)}
"""Numbers of candidates of XLCO in the ledger of a lesson, by scale; `small` has those of `toy`."""
PAIRS: Final = {"smoke": 1}
WARNING: Final = (
    "*Scale `smoke`: everything runs, in seconds, and learns too little to conclude anything. "
    'Set `SCALE = "toy"` for the results.*'
)


@dataclass(frozen=True)
class Lesson:
    """A scale with its settings; opened by `open_lesson`."""

    scale: str
    settings: Settings
    """Settings of the recipe at this scale; runs change some of them."""
    effort: Effort
    """Amount of text that the ledger of a run reads."""

    @property
    def conclusive(self) -> bool:
        """Whether runs of this scale learn enough to conclude anything."""
        return self.scale != "smoke"

    def trained(self, name: str, corpus: Path | None = None, **changes: Any) -> Run:
        """The finished run of these settings: reopened if there is one, whatever its name, else trained now.

        Args:
            name: of a new run, which also gets the scale and a number.
            corpus: folder of other text; default: the built-in world.
            changes: to the settings of the lesson, nested: `mmlm={"weight": 1.0}`.

        Raises:
            InputError: a setting is out of range, or the same run is under way in another process.
        """
        settings = changed(self.settings, changes)
        run = newest_run(settings, corpus)
        if run is not None and run.status.state == "finished":
            say(f"Reopened run `{run.name}`.")
            return run
        with progress_line(f"training {name}") as tell:
            opened = reopen_run(run.name) if run else start_run(self.free_name(name), settings, corpus)
            return run_training(*opened, lambda at: tell(at.phase, at.done, at.total))

    def free_name(self, name: str) -> str:
        """A name for a new run of this lesson."""
        return store.free_name(f"{name}-{self.scale}")

    def ledger(self, run: Run) -> list[dict[str, Any]]:
        """The rows of the ledger of a run, measured now unless they are kept with it, by this version."""
        document = run.document("information")
        if document is None or document["step"] != run.info.settings.steps or not _complete(document["rows"]):
            with progress_line(f"ledger of {run.name}") as tell:
                document = information_of_run(run, self.effort, tell)
        return document["rows"]


def _complete(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether rows hold what lessons read; those of older versions know neither units nor what is attainable."""
    return all("unit" in row and "attainable" in row for row in rows)


def open_lesson(scale: str) -> Lesson:
    """The lesson at a scale; also lets figures be read on light and dark pages, and keeps runs in the project's folder.

    Raises:
        InputError: there is no such scale.

    >>> open_lesson("toy").settings.steps
    900
    """
    scale_settings = scale_named(scale)
    if (ROOT / "pyproject.toml").is_file():
        os.environ.setdefault("PARALLAX_RUNS", str(ROOT / "runs"))
    logging.disable_progress_bar()
    plotly.io.templates[TEMPLATE] = template()
    plotly.io.templates.default = TEMPLATE
    # tables hold claims, which are sentences
    pd.set_option("display.max_colwidth", 120)
    # sentences are no HTML and no TeX
    pd.set_option(
        "styler.format.escape", "html", "styler.html.mathjax", False, "display.html.use_mathjax", False
    )
    if scale == "smoke":
        say(WARNING)
    effort = Effort(
        CANDIDATES.get(scale, CANDIDATES["toy"]),
        PAIRS.get(scale, 4),
        scale_settings.protocol.sentences,
        scale_settings.protocol.truth_sentences,
    )
    return Lesson(scale, scale_settings.settings(), effort)


def newest_run(settings: Settings, corpus: Path | None = None) -> Run | None:
    """The newest run with exactly these settings and this text, finished ones first, or None."""
    text = str(corpus.resolve()) if corpus else "world"
    same = [run for run in store.list_runs() if _made_with(run, settings, text)]
    return next((run for run in same if run.status.state == "finished"), same[0] if same else None)


def _made_with(run: Run, settings: Settings, text: str) -> bool:
    try:
        info = run.info
    except InputError:
        # a damaged folder is no run to reopen; the dashboard lists it with its reason
        return False
    return info.corpus == text and settings_difference(settings, info.settings) is None
