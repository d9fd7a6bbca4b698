"""Latent approximation for wide vectors: compresses both sides to learned variates, then counts neighbours."""

import numpy as np
import torch

from core.errors import InputError
from core.information.estimators.compress import compressed
from core.information.estimators.crossfit import Schedule, trained_critic
from core.information.estimators.elliptical import CriticInput, critic_inputs
from core.information.estimators.neighbours import corrected_neighbours
from core.information.estimators.neural import FEWEST
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs


def by_latent(pairs: SamplePairs, seed: int = 0, axes: int = 2, most: int = 64) -> Estimate:
    """Lower bound in nats by nearest neighbours on learned variates of both sides.

    Half of the samples trains the compression, the other half is compressed and read. Compression never adds
    information, so the value is a lower bound up to the error of the reading, which the interval covers.

    Args:
        pairs: the samples.
        seed: of split and training.
        axes: learned variates a side.
        most: principal axes a side before training, at most.

    Raises:
        InputError: there are fewer than 60 samples.

    Source: Gowri et al. 2024 (2409.02732), for the idea.
    """
    if pairs.n < FEWEST:
        raise InputError(f"compression needs {FEWEST} samples or more, got {pairs.n}: use method='auto'")
    narrow = compressed(pairs, min(most, max(pairs.n // 10, 2)))
    x, y = critic_inputs(narrow, float("inf"))
    order = np.random.default_rng(seed).permutation(pairs.n)
    known, fresh = np.array_split(order, 2)
    critic = trained_critic(x, y, known, float("inf"), seed, Schedule(unconstrained=False))
    u, v = (_variates(side, which, fresh, axes) for side, which in ((critic.axes_x, x), (critic.axes_y, y)))
    read = corrected_neighbours(SamplePairs(u, v), seed)
    reason = f"{axes} learned variates a side of {len(fresh)} fresh samples; {read.reason}"
    return Estimate(
        read.nats, read.low, read.high, "lower bound", None, "latent", pairs.n, 0.0, pairs.warnings, reason
    )


def _variates(side: torch.nn.Module, values: CriticInput, rows: np.ndarray, axes: int) -> np.ndarray:
    part = values.take(torch.as_tensor(rows))
    with torch.no_grad():
        return side(part.base, part.smooth)[0][:, :axes].double().numpy()
