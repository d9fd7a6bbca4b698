# pyright: reportUnknownMemberType=false
"""Critics trained with any bound on one part of the samples and read on another."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import InputError
from core.information import bounds
from core.information.estimators.classical import QUANTILE
from core.information.estimators.critics import BOUNDS, Critic, Shape
from core.information.estimators.crossfit import Schedule, train_critic
from core.information.estimators.elliptical import single
from core.information.estimators.gaussian import normal_scores
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs

FEWEST = 60


class SamplePart(NamedTuple):
    """Some of the samples, as normal scores."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class SampleSplit:
    """Five ninths of the samples train, one ninth decides when to stop, the last third is reported."""

    fit: SamplePart
    stop: SamplePart
    test: SamplePart


def split_samples(pairs: SamplePairs, seed: int) -> SampleSplit:
    """Normal scores of the samples in three disjoint parts.

    Raises:
        InputError: there are fewer than 60 samples.
    """
    if pairs.n < FEWEST:
        raise InputError(
            f"a critic needs {FEWEST} samples or more, got {pairs.n}: use method='gaussian' or 'ksg'"
        )
    order = np.random.default_rng(seed).permutation(pairs.n)
    x, y = single(normal_scores(pairs.x)), single(normal_scores(pairs.y))
    cuts = [pairs.n * 5 // 9, pairs.n * 2 // 3]
    fit, stop, test = (torch.as_tensor(part) for part in np.split(order, cuts))
    return SampleSplit(*(SamplePart(x[rows], y[rows]) for rows in (fit, stop, test)))


def by_critic(
    pairs: SamplePairs, seed: int = 0, bound: str = "infonce", critic: Shape = "separable", steps: int = 500
) -> Estimate:
    """A variational bound in nats by a neural critic, read on the third of the samples that it has not seen.

    The kind is that of the bound: DV, MINE and SMILE are only estimates. The interval, by the jackknife, covers the
    value of this critic; it cannot cover how far the critic is from the best critic. A warning says where the value
    is above log(n) or unstable.

    Args:
        pairs: the samples.
        seed: of split and training.
        bound: a key of BOUNDS.
        critic: separable, concatenated or hybrid.
        steps: of training.

    Raises:
        InputError: the bound is unknown, or there are fewer than 60 samples.
    """
    if bound not in BOUNDS:
        raise InputError(f"bound must be one of {', '.join(BOUNDS)}, got {bound!r}")
    parts = split_samples(pairs, seed)
    if critic != "separable":
        parts = SampleSplit(
            parts.fit, SamplePart(*(v[:256] for v in parts.stop)), SamplePart(*(v[:1000] for v in parts.test))
        )
    trained = _trained(parts, bound, critic, seed, steps)
    with torch.no_grad():
        reading = BOUNDS[bound](trained, *parts.test)
        scores = trained.scores(*parts.test).double()
    error = _error(scores, reading, bound)
    nats, notes = float(reading), _warnings(scores, float(reading), bound)
    low, high = nats - QUANTILE * error, nats + QUANTILE * error
    return Estimate(
        nats, low, high, reading.kind, reading.ceiling, bound, pairs.n, 0.0, pairs.warnings + notes
    )


def _trained(parts: SampleSplit, bound: str, shape: Shape, seed: int, steps: int) -> Critic:
    batch = 256 if shape == "separable" else 96
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        critic = Critic(parts.fit.x.shape[1], parts.fit.y.shape[1], shape)

        def batch_loss() -> Tensor:
            rows = torch.randint(len(parts.fit.x), (min(batch, len(parts.fit.x)),))
            return -BOUNDS[bound](critic, parts.fit.x[rows], parts.fit.y[rows]).objective

        def held_out() -> float:
            critic.eval()
            with torch.no_grad():
                value = float(BOUNDS[bound](critic, *parts.stop).objective)
            critic.train()
            return value

        train_critic(critic, batch_loss, held_out, Schedule(steps=steps, rate=3e-3, decay=0.01))
    return critic.eval()


def _error(scores: Float[Tensor, "n n"], reading: bounds.Bound, bound: str) -> float:
    plain = {"infonce": bounds.infonce, "mlcpc": bounds.mlcpc, "nwj": bounds.nwj, "smile": bounds.smile}
    plain |= {"dv": bounds.donsker_varadhan, "mine": bounds.donsker_varadhan, "js": bounds.nwj}
    if bound in plain:
        return bounds.standard_error(scores.clamp(max=60), plain[bound], num_blocks=20)
    return float(reading.terms.std()) / math.sqrt(len(reading.terms))


def _warnings(scores: Float[Tensor, "n n"], nats: float, bound: str) -> tuple[str, ...]:
    if bound in ("infonce", "mlcpc"):
        return ()
    n = len(scores)
    notes: list[str] = []
    if nats > math.log(n):
        notes.append(f"above log(n) = {math.log(n):.2f}: no bound without a model can show this many nats")
    off = scores[~torch.eye(n, dtype=torch.bool)]
    share = float((2 * off.logsumexp(0) - (2 * off).logsumexp(0)).exp()) / len(off)
    if share < 1e-3:
        notes.append(
            f"unstable: the variance of exp scores leaves {share:.1e} of the negatives' weight effective"
        )
    return tuple(notes)
