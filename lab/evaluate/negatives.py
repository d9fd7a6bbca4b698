"""What critics can show under several laws of the negatives, noise and temperatures."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd
import torch
from scipy.stats import binom
from torch import Tensor

from core.information.bounds import infonce
from lab.evaluate.ledger.xlco import cosine_ceiling
from lab.world import World

PAIR: Final = ("en", "fr")
"""Without ambiguity all pairs of languages tell equally much of each other."""
MEANINGS: Final = 2
CANDIDATES: Final = 16
QUERIES: Final = 10_000
NEVER: Final = -100.0
"""Score of a pair that the critic knows to be impossible; its exponential is as good as 0."""


def perfect_scores(
    meanings: int = MEANINGS, candidates: int = CANDIDATES, queries: int = QUERIES, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores by the best critic there is, the column of each query's translation, and who shares the query's meaning.

    [queries, candidates], [queries] and [queries, candidates].

    A sentence tells one of so many meanings, all alike, and a translation the same one: I = log(meanings). The other
    candidates are independent draws. The score is the log density ratio, log(meanings) for the query's own meaning.

    Example:
        >>> scores, positive, same = perfect_scores(meanings=2, candidates=4, queries=3)
        >>> scores.shape, positive.tolist(), same[:, 0].tolist()
        (torch.Size([3, 4]), [0, 0, 0], [True, True, True])
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(meanings, (queries, candidates), generator=generator)
    same = drawn == drawn[:, :1]
    scores = torch.where(same, math.log(meanings), NEVER).double()
    return scores, torch.zeros(queries, dtype=torch.int64), same


def laws_of_negatives(meanings: int = MEANINGS, candidates: int = CANDIDATES) -> pd.DataFrame:
    """InfoNCE of the best critic under four laws of the negatives: columns shows, truth, and what it is.

    The critic is the log ratio between the law of the translation and that of the negatives, the best for each law.
    """
    scores, positive, same = perfect_scores(meanings, candidates)
    apart = torch.full_like(scores, NEVER)
    apart[:, 0] = 0.0
    shown = {
        "independent draws": (infonce(scores, positive), "a lower bound on I"),
        "those of the query's meaning left out": (infonce(scores, positive, excluded=same), "no bound"),
        "marked: another language, or keys of an older encoder": (infonce(apart, positive), "no bound"),
        "hard: all share the query's meaning": (
            infonce(torch.zeros_like(scores), positive),
            "a bound on what is told beyond the meaning",
        ),
    }
    rows = [
        {"negatives": law, "shows": float(value), "truth": math.log(meanings), "what it is": kind}
        for law, (value, kind) in shown.items()
    ]
    return pd.DataFrame(rows).set_index("negatives")


def attainable_by_noise(
    noise: Sequence[float] = (0.0, 0.2, 0.8),
    candidates: Sequence[int] = (64, 1_024, 131_072, 1_071_648, 10_716_480),
) -> pd.DataFrame:
    """InfoNCE of the ideal critic in the world, by mistranslated share of pairs and number of candidates.

    Nats per sentence pair; the column `truth` is I(sentence; translation).
    """
    rows = []
    for share in noise:
        world = World.load(PAIR, noise=share)
        shown = world.attainable_between(*PAIR, candidates)
        row = {f"{count:,}": bound.nats for count, bound in zip(candidates, shown, strict=True)}
        rows.append({"mistranslated": share, **row, "truth": world.information_between(*PAIR)})
    return pd.DataFrame(rows).set_index("mistranslated")


def left_out_shows(meanings: int = MEANINGS, candidates: int = CANDIDATES) -> float:
    """What a perfect critic shows in nats once candidates of the query's meaning are left out, exact.

    E log(1 + B): B of the other candidates, binomial, have another meaning and stay, and none of them is mistaken.
    """
    others = range(candidates)
    law = binom.pmf(others, candidates - 1, 1 - 1 / meanings)
    return float(sum(p * math.log1p(count) for count, p in zip(others, law, strict=True)))


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
            "one": cosine_ceiling(candidates, each),
            "scores": math.log(candidates),
        }
        for each in temperatures
    ]
    return pd.DataFrame(rows).set_index("temperature")
