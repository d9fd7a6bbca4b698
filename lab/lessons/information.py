"""Lesson 01: bounds and estimators where the truth is known."""

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import torch

from core.information import bounds
from lab.evaluate.best_critic import BOUNDS, SAMPLES, predicted_spread
from lab.evaluate.estimates import estimate_tasks
from lab.evaluate.information import estimates_of_run
from lab.figures.estimates import against_truth
from lab.figures.theme import TEMPLATE
from lab.lessons.exercises import Numbers, Subset
from lab.lessons.output import progress_line
from lab.lessons.scale import Lesson
from lab.store import Run


def estimators(lesson: Lesson) -> pd.DataFrame:
    """Estimates from samples alone, by several methods, on distributions whose information is known."""
    tasks: tuple[str, ...] = ("multinormal-sparse-5-5-2-2.0",)
    methods, n = ("gaussian", "infonce", "smile"), 300
    if lesson.conclusive:
        tasks = (*tasks, "student-identity-5-5-2", "embedding-64-3", "embedding-64-6")
        methods, n = ("auto", "gaussian", "infonce", "nwj", "smile"), 2_000
    with progress_line("estimates") as tell:
        rows = estimate_tasks(tasks, methods, (n,), progress=tell)
    return pd.DataFrame(rows)


def estimates_figure(rows: pd.DataFrame) -> go.Figure:
    """Estimate against truth for every method; open marks are bounds, the diagonal is the truth."""
    return against_truth(rows.dropna(subset=["nats"])).update_layout(template=TEMPLATE)


def estimate_of_vectors(lesson: Lesson, run: Run) -> dict[str, Any]:
    """Estimates of `auto` on the sentence vectors of one pair of languages, beside the text's exact information."""
    with progress_line("estimating from sentence vectors") as tell:
        document = estimates_of_run(run, pairs=1, meanings=2_000 if lesson.conclusive else 150, progress=tell)
    return document["rows"][0]


def conclusion(table: pd.DataFrame, n: int = SAMPLES) -> list[str]:
    """Conclusion on the best critic's bounds, in sentences with numbers."""
    last = table[table["truth"] == table["truth"].max()].set_index("bound")
    truth = float(last["truth"].iloc[0])
    infonce, nwj, smile = (last.loc[name] for name in ("infonce", "nwj", "smile"))
    # far below log n the tail is in the sample, so that theory can be held against it
    near = table[(table["bound"] == "nwj") & (table["truth"] <= math.log(n) - 1)].iloc[-1]
    return [
        f"With {truth:g} nats in the data InfoNCE shows **{infonce['mean']:.2f}** nats, "
        f"under log {n} = {math.log(n):.2f}; from batch to batch it varies by {infonce['sd']:.2f}.",
        f"NWJ has no ceiling, and varies by **{nwj['sd']:.1f}** nats at {truth:g}. At {near['truth']:g} nats it "
        f"varies by {near['sd']:.2f}, where theory predicts {near['predicted_sd']:.2f}. Theory gives "
        f"{nwj['predicted_sd']:.0f} at {truth:g}: the batches that would show it are too rare to be drawn.",
        f"SMILE varies by {smile['sd']:.2f} only, but its mean is {smile['mean']:.2f}, off by "
        f"**{smile['mean'] - truth:+.2f}** nats"
        f"{': above the truth, where no bound could be.' if smile['mean'] > truth else '.'}",
    ]


def highest_infonce(candidates: int = SAMPLES) -> Numbers:
    """Exercise: what is the most that InfoNCE can show with so many candidates?"""
    most = float(bounds.infonce(1e6 * torch.eye(candidates, dtype=torch.float64)))
    values = {
        "bits": math.log2(candidates),
        "digits": math.log10(candidates),
        "negatives": math.log(candidates - 1),
    }
    return Numbers("information.ceiling", most, {"candidates": candidates, **values})


def candidates_needed(nats: float = 10.0) -> Numbers:
    """Exercise: how many candidates does InfoNCE need to be able to show so many nats?"""
    return Numbers("information.batch", math.exp(nats), {"nats": nats, "base_2": 2**nats})


def spread_of_nwj(nats: float = 6.0, n: int = SAMPLES) -> Numbers:
    """Exercise: which standard deviation does theory give NWJ for Gaussians with so many nats, in n pairs?"""
    expected, one_pair = predicted_spread(nats, n), math.exp(nats)
    mistakes = {"variance": expected**2, "one_pair": one_pair, "diagonal": expected * math.sqrt(n)}
    return Numbers(
        "information.spread", expected, {"nats": nats, "n": n, "leading": one_pair / n, **mistakes}
    )


def lower_bounds() -> Subset:
    """Exercise: which of the six are lower bounds in expectation? The others are estimates, which can be too high."""
    kinds = {name: bound(torch.zeros(4, 4)).kind for name, bound in BOUNDS.items()}
    lower = {name for name, kind in kinds.items() if kind == "lower bound"}
    return Subset("information.lower_bounds", lower, kinds)
