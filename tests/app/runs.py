"""Runs written through the store, without training, so that a page is tested in a second."""

from typing import Any

import numpy as np
import pandas as pd

from lab import store
from lab.recipes import shortened, toy
from lab.store import Run
from lab.world import World

LANGUAGES = ("ar", "en", "fr", "hi", "zh")


def write_run(name: str, steps: int = 40, state: str = "finished", evaluated: bool = True) -> Run:
    """A toy run of 12 meanings that pretends to have trained."""
    settings = shortened(toy(), steps)
    run = store.create_run(name, store.describe(name, settings, "world", "0" * 64, LANGUAGES, "cpu"))
    world = World.load(LANGUAGES)
    table = pd.DataFrame(world.rows(world.draw(12, 1), 1), columns=["meaning", "language", "text"])
    table = table.sort_values(["language", "meaning"], ignore_index=True)
    run.write_sentences(table)
    generator = np.random.default_rng(1)
    meaning = generator.normal(size=(12, 16))[table["meaning"].rank(method="dense").astype(int) - 1]
    language = generator.normal(size=(5, 16))[table["language"].rank(method="dense").astype(int) - 1]
    for step in range(0, steps + 1, 20):
        mixed = meaning + (1 - step / steps) * language + generator.normal(0, 0.1, meaning.shape)
        run.write_snapshot(step, {layer: mixed + layer for layer in range(3)})
        run.append_step(record(step) if step else {"step": 0, "elapsed": 0.0, "retrieval": 0.01})
    for step in range(1, steps):
        if step % 20:
            run.append_step(record(step, retrieval=None))
    run.write_status(state, steps, steps)
    if evaluated:
        run.write_scores("retrieval", scores())
        run.write_errors(errors(table))
    run.release()
    return run


def live(name: str, state: str = "running") -> Run:
    """A run as others see it while a process, this one, trains it."""
    run = store.open_run(name)
    run.claim()
    run.write_status(state, 20, 40)
    return run


def record(step: int, retrieval: float | None = 0.5) -> dict:
    """What training writes of a step."""
    values = dict.fromkeys(("mmlm", "tlm", "xlco"), 1.0 + 0.01 * step)
    line: dict[str, Any] = {
        "step": step,
        "losses": values,
        "bounds": values,
        "ceilings": dict.fromkeys(values, 5.0),
        "tokens": 900,
    }
    line |= {"seconds": 0.1, "elapsed": 0.1 * step, "learning_rate": 1e-3}
    return line if retrieval is None else {**line, "retrieval": retrieval}


def scores() -> pd.DataFrame:
    """Retrieval of every directed pair and its mean."""
    rows = [(a, b, "accuracy", 0.8, 0.7, 0.9, 100) for a in LANGUAGES for b in LANGUAGES if a != b]
    rows.append(("", "", "mean_accuracy", 0.8, 0.75, 0.85, 100))
    table = pd.DataFrame(rows, columns=["source", "target", "metric", "value", "low", "high", "n"])
    return table.assign(task="retrieval", layer=2, unit="share", pool=200, chance=1 / 200, measure="cosine")


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Two wrong matches, one of them with text that HTML must not read."""
    arabic = table[table["language"] == "ar"]["text"].tolist()
    rows = [
        ("ar", "en", arabic[0], "<b>found</b>", "expected & meant", 0.1),
        ("en", "ar", "q", arabic[1], arabic[2], 0.3),
    ]
    return pd.DataFrame(rows, columns=["source", "target", "query", "found", "expected", "margin"])
