"""Lesson 04: how the contrast is set up, and what each choice does to its bound."""

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq

from core.model.memory import follow
from lab.evaluate.ledger.contrast import reachable
from lab.lessons.verdicts import Verdict, judged

WEIGHTS: Final = 4_000
WEIGHT_STD: Final = 0.04
MEANT: Final = 0.9


def ceilings(candidates: int, temperatures: Iterable[float]) -> pd.DataFrame:
    """The most, in nats, that cosines over a temperature can show with so many candidates, by temperature.

    `one` is the limit of a single query, its translation at cosine 1 and all others at -1. For a whole batch whose
    translations coincide the other cosines cannot average less than -1 / (candidates - 1), the angle of a simplex; the
    loss is convex in them, so `batch` is the limit of the mean. `scores` is log(candidates), for scores without limits.
    """
    others = 1 / (candidates - 1)
    rows = [
        {
            "temperature": each,
            "batch": math.log(candidates) - math.log1p((candidates - 1) * math.exp(-(1 + others) / each)),
            "one": reachable(candidates, each),
            "scores": math.log(candidates),
        }
        for each in temperatures
    ]
    return pd.DataFrame(rows).set_index("temperature")


def followed(updates: int = 10_000, displacement: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """How far a key encoder comes on its way to a query encoder that stands still, by momentum and precision.

    Random weights with the spread of a trained encoder's, displaced once by a share of it; `expected` is
    1 - momentum^updates, what float32 must show.

    Args:
        updates: of the key encoder.
        displacement: of the query encoder's weights, in their standard deviations.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    start = WEIGHT_STD * torch.randn(WEIGHTS, generator=generator)
    fast = start + displacement * WEIGHT_STD * torch.randn(WEIGHTS, generator=generator)
    rows = []
    for momentum in (0.99, 0.999, 0.9999):
        row: dict[str, float] = {"momentum": momentum, "expected": 1 - momentum**updates}
        for precision in ("float32", "float16"):
            slow = start.clone()
            for _ in range(updates):
                follow([slow], [fast], momentum, precision)
            way = fast - start
            row[precision] = float((slow - start) @ way / (way @ way))
        rows.append(row)
    return pd.DataFrame(rows)


def check_candidates(answer: Any, nats: float = 10.0) -> Verdict:
    """The fewest candidates whose ceiling reaches so many nats."""
    least = math.ceil(math.exp(nats))
    return judged(
        answer, least, 0.5,
        f"log({least:,}) = {math.log(least):.4f} nats; one candidate less and the ceiling is below {nats:g}",
        "solve log(K) = nats for K, with the natural logarithm, and round up",
        {"that is 2 to the power of it: these are bits": math.ceil(2.0**nats),
         "that is 10 to the power of it: nats use the natural logarithm": math.ceil(10.0**nats),
         "almost, but candidates are whole: round up": math.floor(math.exp(nats))},
    )  # fmt: skip


def check_temperature(answer: Any, nats: float = 4.0, candidates: int = 64) -> Verdict:
    """The highest temperature at which cosines can show so many nats with so many candidates."""
    highest = float(np.asarray(brentq(lambda each: reachable(candidates, each) - nats, 0.02, 50.0)))
    return judged(
        answer, highest, 0.006,
        f"at temperature {highest:.3f} cosines of 1 for the translation and -1 for all others show "
        f"{reachable(candidates, highest):.2f} nats",
        f"try values in lab.evaluate.ledger.contrast.reachable({candidates}, temperature) until it gives {nats:g}",
        {"that is where cosines between 0 and 1 end; they begin at -1": highest / 2},
    )  # fmt: skip


def check_momentum(answer: Any, momentum: float = 0.9999) -> Verdict:
    """The updates after which a key encoder in float32 has gone nine tenths of its way."""
    updates = math.log(1 - MEANT) / math.log(momentum)
    return judged(
        answer, updates, max(1.0, 0.002 * updates),
        f"1 - {momentum}^{updates:,.0f} = {MEANT}; 150,000 steps have room for {150_000 / updates:.1f} times that",
        f"solve 1 - m^n = {MEANT} for n",
        {"after so many only a tenth of the way is gone": math.log(MEANT) / math.log(momentum),
         "that is one time constant, 1 / (1 - m): 63 % of the way": 1 / (1 - momentum)},
    )  # fmt: skip


def check_staleness(answer: Any, queue: int = 131_072, pairs: int = 2_048) -> Verdict:
    """How many optimizer steps old the oldest key of a queue is."""
    return judged(
        answer, queue / pairs, 0.5,
        f"{queue:,} keys / {pairs:,} per step = {queue / pairs:g} steps: encoders that old scored the candidates",
        "how many steps does it take to write every slot once?",
        {"that is the number of keys, not of steps": queue,
         "a step writes all its pairs at once": queue - pairs},
    )  # fmt: skip
