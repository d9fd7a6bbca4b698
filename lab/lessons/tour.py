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
from lab.lessons.scale import Lesson
from lab.lessons.verdicts import Verdict, judged
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


def check_chance(answer: Any, run: Run) -> Verdict:
    """Verdict on how often a model that knows nothing finds the translation."""
    searched = round(1 / chance(run))
    return judged(
        answer, chance(run), 0.02 * chance(run),
        f"one translation among {searched} sentences",
        "how many sentences are searched, and how many of them are the translation?",
        {"the answer is a share between 0 and 1, not a percentage": 100 * chance(run),
         "that is how many sentences are searched; guessing finds one of them": float(searched)},
    )  # fmt: skip


def check_candidates(answer: Any, rows: Iterable[Mapping[str, Any]]) -> Verdict:
    """How many candidates XLCO needs before its ceiling reaches the truth."""
    truth = tightest(rows)["xlco"]["truth"]
    return judged(
        answer, math.exp(truth), 0.02 * math.exp(truth),
        f"log N = {truth:.2f} nats needs N = {math.exp(truth):,.0f}, as many as there are meanings. With so many the "
        "best model still shows 0.57 nats less, since the meaning turns up among the others as well",
        f"solve log N = {truth:.2f} for N, with the natural logarithm",
        {"that is log N: N is e to that power": truth,
         "2 to that power: the ceiling is in nats, so the base is e": 2**truth,
         "10 to that power: the ceiling is in nats, so the base is e": 10**truth},
    )  # fmt: skip


def check_visible(answer: Any, rows: Iterable[Mapping[str, Any]]) -> Verdict:
    """The share of the truth below the ceiling of the most candidates measured."""
    row = tightest(rows)["xlco"]
    most = row["ceiling"] / row["truth"]
    return judged(
        answer, most, 0.01,
        f"at most {row['ceiling']:.2f} of {row['truth']:.2f} nats; what lies above stays unseen, not absent",
        "divide the ceiling by the truth",
        {"that is the ceiling in nats; which share of the truth is it?": row["ceiling"],
         "the answer is a share between 0 and 1, not a percentage": 100 * most,
         "that is what this run reached; the question is what any model could reach": row["nats"] / row["truth"],
         "that is the wrong way up": row["truth"] / row["ceiling"]},
    )  # fmt: skip
