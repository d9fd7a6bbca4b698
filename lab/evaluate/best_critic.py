"""Bounds on batches of Gaussians, scored by the best critic there is."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.information import bounds
from core.information.bounds import Bound

BOUNDS: Final[dict[str, Callable[[Tensor], Bound]]] = {
    "infonce": bounds.infonce,
    "mlcpc": bounds.mlcpc,
    "donsker_varadhan": bounds.donsker_varadhan,
    "nwj": bounds.nwj,
    "jensen_shannon": bounds.jensen_shannon,
    "smile": bounds.smile,
}
SAMPLES: Final = 128
"""Pairs in a batch."""
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
    repeats: int, n: int = SAMPLES, truths: Sequence[float] = TRUTHS
) -> pd.DataFrame:
    """Every bound on so many batches of Gaussians: columns bound, kind, truth, mean, sd, predicted_sd, ceiling.

    The critic is exact, so what is wrong with a value is the bound's own doing.
    """
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
