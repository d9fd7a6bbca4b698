"""Lesson 00: the whole lab in ten minutes."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from core.errors import InputError
from lab import projection
from lab.evaluate.means import MeanAccuracy
from lab.evaluate.scores import read_directions, read_mean
from lab.figures.languages import language_style
from lab.figures.ledger import tightest
from lab.figures.maps import sentence_map
from lab.figures.matrix import accuracy_matrix
from lab.lessons.exercises import Numbers
from lab.lessons.scale import Lesson
from lab.store import Run
from lab.world import World


def world_of(lesson: Lesson) -> World:
    """The world that a lesson's runs read."""
    return World.load(**lesson.settings.world.model_dump(exclude={"meanings"}))


def one_meaning(lesson: Lesson, seed: int = 7) -> pd.DataFrame:
    """One meaning in every language of the lesson: columns language, sentence."""
    world = world_of(lesson)
    rows = world.rows(world.draw(1, seed), seed)
    return pd.DataFrame(
        [(language_style(tag).name, text) for _, tag, text in rows], columns=["language", "sentence"]
    )


def map_of(run: Run, when: Literal["before", "after"]) -> go.Figure:
    """Held-out sentences on the two principal axes of their vectors, before the first step or after the last."""
    layer = run.info.settings.evaluation_layer
    frames = projection.principal_frames(run, layer, 2)
    frame = frames[0 if when == "before" else -1]
    return sentence_map(frame.points, run.sentences(), projection.half_width([frame]), height=480)


def directions(run: Run) -> pd.DataFrame:
    """Top-1 retrieval of every directed pair: columns source, target, value, low, high, n, pool, chance."""
    return read_directions(run.scores())


def mean_retrieval(run: Run) -> tuple[float, float, float]:
    """Mean top-1 retrieval over directed pairs with its 95 % interval."""
    mean = _mean(run)
    return mean.value, mean.low, mean.high


def _mean(run: Run) -> MeanAccuracy:
    mean = read_mean(run.scores())
    if mean is None:
        raise InputError(f"run {run.name} has no retrieval: lab evaluate {run.name} says why")
    return mean


def matrix(run: Run) -> go.Figure:
    """Retrieval of every directed pair of languages."""
    return accuracy_matrix(directions(run))


def chance(run: Run) -> float:
    """What guessing retrieves: one in as many sentences as are searched, mean over directions."""
    return _mean(run).chance


def conclusion(run: Run, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Conclusion of the lesson, in sentences with numbers."""
    rows_by_task = tightest(rows)
    steps = run.steps().dropna(subset=["retrieval"])
    value, low, high = mean_retrieval(run)
    sentences = [
        f"Before training the translation came first in {float(steps['retrieval'].iloc[0]):.1%} of the questions, "
        f"after it in **{value:.1%}** [{low:.1%}, {high:.1%}]; guessing finds {chance(run):.1%}."
    ]
    for task in ("mmlm", "tlm", "xlco"):
        row = rows_by_task[task]
        sentences.append(f"**{task.upper()}**: {row['words']}.")
    row = rows_by_task["xlco"]
    sentences.append(
        f"XLCO reached {row['share_of_attainable']:.0%} of what the ideal critic shows with as many candidates, and "
        f"{row['share']:.0%} of the truth: "
        + (
            "the number of candidates, not the model, hides the rest."
            if row["share_of_attainable"] > 0.9
            else "here the model is the limit."
        )
    )
    return sentences


def guessing(run: Run) -> Numbers:
    """Exercise: how often does a model that knows nothing find the translation?"""
    return Numbers("tour.guessing", chance(run), {"searched": round(1 / chance(run))})


def candidates_for_the_truth(rows: Iterable[Mapping[str, Any]]) -> Numbers:
    """Exercise: how many candidates does XLCO need before its ceiling reaches the truth?"""
    truth = tightest(rows)["xlco"]["truth"]
    return Numbers(
        "tour.candidates", math.exp(truth), {"truth": truth, "base_2": 2**truth, "base_10": 10**truth}
    )


def visible_share(rows: Iterable[Mapping[str, Any]]) -> Numbers:
    """Exercise: which share of the truth lies below the ceiling of the most candidates measured?"""
    row = tightest(rows)["xlco"]
    values = {"reached": row["nats"] / row["truth"], "inverse": row["truth"] / row["ceiling"]}
    return Numbers("tour.visible", row["ceiling"] / row["truth"], {**row, **values})
