"""Lesson 01: bounds and estimators where the truth is known."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.information import bounds
from core.information.bounds import Bound
from lab.evaluate.estimates import estimate_tasks
from lab.evaluate.information import estimates_of_run
from lab.figures.estimates import against_truth
from lab.figures.theme import TEMPLATE
from lab.lessons.exercises import Numbers, Subset
from lab.lessons.output import progress_line
from lab.lessons.scale import Lesson
from lab.store import Run

BOUNDS: Final[dict[str, Callable[[Tensor], Bound]]] = {
    "infonce": bounds.infonce,
    "mlcpc": bounds.mlcpc,
    "donsker_varadhan": bounds.donsker_varadhan,
    "nwj": bounds.nwj,
    "jensen_shannon": bounds.jensen_shannon,
    "smile": bounds.smile,
}
SAMPLES: Final = 128
"""Pairs in a batch of this lesson."""
TRUTHS: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def gaussian_scores(nats: float, n: int = SAMPLES, dims: int = 10, seed: int = 0) -> Tensor:
    """Scores of n pairs of correlated Gaussians by the best critic there is, log p(y given x) / p(y), [n, n].

    Each of the dims coordinates has the correlation r that gives it nats / dims = -1/2 log(1 - r^2).
    """
    squared = -math.expm1(-2 * nats / dims)
    generator = np.random.default_rng(seed)
    x, noise = generator.standard_normal((2, n, dims))
    y = math.sqrt(squared) * x + math.sqrt(1 - squared) * noise
    cross = 2 * math.sqrt(squared) * x @ y.T - squared * ((x**2).sum(1)[:, None] + (y**2).sum(1)[None])
    return torch.from_numpy(nats + cross / (2 * (1 - squared)))


def bounds_of_the_best_critic(
    lesson: Lesson, n: int = SAMPLES, truths: Sequence[float] = TRUTHS
) -> pd.DataFrame:
    """Every bound on many batches of Gaussians: columns bound, kind, truth, mean, sd, predicted_sd, ceiling.

    The critic is exact, so what is wrong with a value is the bound's own doing.
    """
    repeats = 1_000 if lesson.conclusive else 20
    rows = []
    for truth in truths:
        batches = [gaussian_scores(truth, n, seed=seed) for seed in range(repeats)]
        for name, bound in BOUNDS.items():
            batch_bounds = [bound(scores) for scores in batches]
            values = np.array([float(value) for value in batch_bounds])
            rows.append(
                {"bound": name, "kind": batch_bounds[0].kind, "truth": truth, "mean": values.mean(),
                 "sd": values.std(ddof=1), "predicted_sd": predicted_spread(truth, n),
                 "ceiling": batch_bounds[0].ceiling}
            )  # fmt: skip
    return pd.DataFrame(rows)


def predicted_spread(nats: float, n: int = SAMPLES, dims: int = 10) -> float:
    """Standard deviation of NWJ in nats, for Gaussians and the best critic: about exp(I) / n where that is large.

    sqrt(dims r^2 / n + (exp(2 I) - 1) / n^2): the mean of n positives, of variance dims r^2 each, and that of exp f
    over n (n - 1) mismatched pairs, whose mean is 1 and whose second moment is exp(2 I). That the pairs share rows
    and columns is left out.
    """
    squared = -math.expm1(-2 * nats / dims)
    return math.sqrt(dims * squared / n + math.expm1(2 * nats) / n**2)


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
