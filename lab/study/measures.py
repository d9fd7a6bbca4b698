"""Measurements of a finished cell on held-out text, by unit, so that arms compare on the same sentences."""

import math
from collections.abc import Iterable
from typing import Final

import pandas as pd

from core.config import Settings
from core.progress import Progress
from lab.evaluate.by_layer import retrieval_units, role_units
from lab.evaluate.effort import StudyProtocol
from lab.evaluate.ledger import LEDGER
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.units import units
from lab.evaluate.vocabulary_units import vocabulary_units
from lab.store import Run

BINS: Final = 40
MEASURED: Final = "measured"
VERSION: Final = 5
"""Version of the meaning of units; units of another version are measured again."""


def measure(run: Run, base: Settings, protocol: StudyProtocol, progress: Progress) -> pd.DataFrame:
    """The units of a cell (`lab.evaluate.units.units`), which are also stored with the run.

    Languages and pairs are read in the proportions of `base`, whatever the arm trained on, and draws depend on the
    seed alone: arms of one seed read the same sentences.
    """
    key = {"version": VERSION, "protocol": protocol.model_dump(), "text": base.text.model_dump()}
    table = run.table(MEASURED)
    if run.document(MEASURED) == key and table is not None:
        return table
    loaded = load_run(run, progress, base.text)
    parts = [*_effort(run), *retrieval_units(loaded), *role_units(loaded)]
    for task in LEDGER.values():
        parts += task.units(loaded, protocol)
    parts += vocabulary_units(loaded, protocol)
    table = pd.concat(parts, ignore_index=True)
    run.write_table(MEASURED, table)
    run.write_document(MEASURED, key)
    return table


def _effort(run: Run) -> Iterable[pd.DataFrame]:
    """Units of the cost of training: seconds, and the tokens that its tasks read."""
    steps = run.steps()
    yield units("seconds", [0], [float(steps["elapsed"].max())], [1.0])
    yield units("tokens", [0], [float(steps["tokens"].sum())], [1.0])


def learning_curves(run: Run) -> pd.DataFrame:
    """Records of a cell's training: step, metric, value; losses as means over a fortieth of the steps."""
    steps = run.steps()
    measured = steps.reindex(columns=["step", "retrieval"]).dropna(subset=["retrieval"])
    parts = [pd.DataFrame({"step": measured["step"], "metric": "retrieval", "value": measured["retrieval"]})]
    trained = steps[steps["step"] > 0]
    width = max(1, math.ceil(len(trained) / BINS))
    ends = (((trained["step"] - 1) // width + 1) * width).clip(upper=trained["step"].max())
    for column in [name for name in steps.columns if name.startswith(("losses.", "bounds."))]:
        kind, task = column.split(".")
        means = trained[column].groupby(ends).mean()
        metric = f"{task}_loss" if kind == "losses" else task
        parts.append(pd.DataFrame({"step": means.index, "metric": metric, "value": means.to_numpy()}))
    return pd.concat(parts, ignore_index=True)
