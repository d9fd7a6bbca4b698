"""Lessons 00 and 07: retrieval without a network, beside a run's own."""

from typing import Final

import pandas as pd

from core.errors import InputError
from lab.evaluate.baselines import BASELINES, measure_baseline, text_of_run
from lab.evaluate.scores import read_mean
from lab.lessons.output import progress_line
from lab.store import Run

RUN: Final = "this run"
LSA: Final = BASELINES["lsa"].label
NAMES: Final = ("random", "tokens", "lsa")
COLUMNS: Final = ["method", "accuracy", "low", "high", "chance", "seconds"]


def without_network(run: Run, meanings: int = 3_000, dimensions: int = 64) -> pd.DataFrame:
    """Retrieval by a run and by baselines without a network, on the same held-out sentences.

    Columns method, accuracy, low, high (95 % interval), chance, seconds; mean over all directed pairs. Latent semantic
    indexing learns from so many of the run's training meanings. `lab evaluate RUN --task baselines` measures more
    baselines, on all of them.

    Raises:
        InputError: the run has no retrieval, or no checkpoint.
    """
    mean = read_mean(run.scores())
    if mean is None:
        raise InputError(f"run {run.name} has no retrieval: lab evaluate {run.name} says why")
    text = text_of_run(run, meanings=meanings)
    with progress_line("baselines") as tell:
        rows = []
        for done, name in enumerate(NAMES):
            tell(BASELINES[name].label, done, len(NAMES))
            rows.append(measure_baseline(name, text, dimensions))
    of_run = {"label": RUN, "accuracy": mean.value, "low": mean.low, "high": mean.high, "chance": mean.chance}
    return pd.DataFrame([of_run, *rows]).rename(columns={"label": "method"})[COLUMNS].set_index("method")


def baselines_in_words(table: pd.DataFrame) -> list[str]:
    """Conclusion on a run from `without_network`: how far words alone, in any order, come."""
    run, lsa = table.loc[RUN], table.loc[LSA]
    numbers = (
        f"Latent semantic indexing retrieves {lsa['accuracy']:.1%} [{lsa['low']:.1%}, {lsa['high']:.1%}], the run "
        f"{run['accuracy']:.1%} [{run['low']:.1%}, {run['high']:.1%}]; guessing {run['chance']:.1%}."
    )
    if lsa["high"] >= run["low"]:
        return [
            f"{numbers} **A bag of words does as well.** Retrieval here shows that the languages were aligned; it "
            "shows nothing of what attention, depth or the order of words are good for."
        ]
    return [f"{numbers} What lies between the two is what the run has beyond words that occur together."]
