"""The default method: picks an estimator that suits the samples, checks it and says what it picked."""

from dataclasses import replace

import numpy as np

from core.information.estimators.classes import by_classes
from core.information.estimators.classical import QUANTILE
from core.information.estimators.compress import compressed
from core.information.estimators.crossfit import CrossFit, Schedule, crossfit, untrained_only
from core.information.estimators.elliptical import critic_inputs
from core.information.estimators.neighbours import (
    CEILING_MARGIN_NATS,
    KSG_MAX_DIMS,
    beyond_noise,
    corrected_neighbours,
)
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs
from core.information.estimators.student import Elliptical, fit_elliptical
from core.information.estimators.typed import by_types, noted

KSG_CHECK_MAX_DIMS = 8
"""Up to this many joint dimensions nearest neighbours check the critics."""
MIN_SAMPLES_PER_DIM = 5
"""Fewer samples than this per dimension: compress first."""
PLENTY = 0.9
"""Share of a label's entropy above which no critic looks for the rest."""
FEW_SAMPLES = 300
"""Below this many samples no critic is trained."""


def by_auto(pairs: SamplePairs, seed: int = 0) -> Estimate:
    """Information in nats by the method that suits the samples; `reason` says which method and why.

    Labels on both sides are counted. Labels beside numbers are read by neighbours among the samples of the same
    labels, or by Gaussian classes. Up to 4 joint dimensions nearest neighbours read the samples, minus their bias on
    samples simulated from a fitted Student copula and on subsets of the samples.

    Otherwise the estimate has three terms. (1) The information of a fitted Student copula. (2) Minus the part of it
    that held-out pairs do not confirm. (3) Plus what critics, started at the copula, gain on held-out pairs. Up to 8
    joint dimensions, nearest neighbours check the sum. With more than n / 5 dimensions the terms are computed on
    principal axes and reported as a lower bound.

    The held-out lower bound is reported instead where the sum lies within half a nat of the log of the number of
    held-out candidates, above which nothing can be checked, or where critics add more than half of it.

    Args:
        pairs: the samples.
        seed: of splits, simulations and training.

    Sources: Kraskov et al. 2004 (neighbours), van den Oord et al. 2018 (critics).
    """
    distinct = pairs.without_copies()
    estimate = by_types(distinct, seed)
    if estimate is not None:
        return estimate
    x, y = distinct.variables
    plain = distinct.as_continuous()
    if x.discrete or y.discrete:
        return noted(_beside_classes(distinct, seed), distinct)
    if x.continuous and y.continuous:
        plain = replace(plain, x=x.numbers, y=y.numbers)
    return noted(_continuous(plain, seed), distinct)


def _beside_classes(pairs: SamplePairs, seed: int) -> Estimate:
    """The bound by predictors of the label; a critic's bound where it is larger and much entropy is left."""
    shown = by_classes(pairs, seed)
    if shown.ceiling is not None and shown.nats > PLENTY * shown.ceiling:
        return shown
    estimate = _continuous(pairs, seed)
    return replace(estimate, kind="lower bound") if estimate.low > shown.nats else shown


def _continuous(pairs: SamplePairs, seed: int) -> Estimate:
    if pairs.dims <= KSG_MAX_DIMS:
        return _neighbours(pairs, seed)
    if pairs.n < MIN_SAMPLES_PER_DIM * pairs.dims:
        return _wide(pairs, seed)
    return _beside_neighbours(pairs, seed) if pairs.dims <= KSG_CHECK_MAX_DIMS else _elliptical(pairs, seed)


def _neighbours(pairs: SamplePairs, seed: int) -> Estimate:
    read = corrected_neighbours(pairs, seed)
    estimate = _estimate(pairs, read.nats, (read.low, read.high), float(np.log(pairs.n)), read.reason)
    return (
        replace(estimate, kind="lower bound", warnings=estimate.warnings + read.warnings)
        if read.bound
        else estimate
    )


def _elliptical(pairs: SamplePairs, seed: int) -> Estimate:
    model = fit_elliptical(pairs.x, pairs.y)
    held = _crossfit(pairs, model, seed)
    gain = max(float((held.trained - held.untrained).mean()), 0.0)
    unseen = max(0.5 * (held.trained_in_sample - held.untrained_in_sample - gain), 0.0) if gain else 0.0
    misfit = _misfit(model, held, pairs, seed) if gain else 0.0
    nats = model.information() - misfit + gain + unseen
    reason = _account(model, misfit, gain, unseen, few=pairs.n < FEW_SAMPLES)
    if nats > held.ceiling - CEILING_MARGIN_NATS:
        return _bound(pairs, held, f"{reason}, {nats:.2f} in all, but that is near what can be checked")
    if gain > abs(nats) / 2:
        return _bound(
            pairs, held, f"{reason}; critics this far from where they started miss more than they show"
        )
    cells = pairs.x.shape[1] * pairs.y.shape[1] / 2
    error = float(np.sqrt(held.trained.var() / pairs.n + cells / pairs.n**2))
    spread = QUANTILE * error + unseen + 0.1 * gain + abs(misfit) / 4
    return _estimate(pairs, nats, _around(nats, spread), held.ceiling, reason)


def _crossfit(pairs: SamplePairs, model: Elliptical, seed: int) -> CrossFit:
    few = pairs.n < FEW_SAMPLES
    x, y = critic_inputs(pairs, model.degrees)
    return crossfit(x, y, model.degrees, seed, schedule=Schedule(steps=0) if few else None)


def _misfit(model: Elliptical, held: CrossFit, pairs: SamplePairs, seed: int) -> float:
    """Nats of the model's information that held-out pairs do not confirm, as far as they stand out of the noise.

    A model fitted to few samples reads less on fresh samples even if it is right. That loss is measured on samples of
    the model itself and not counted.
    """
    scores = model.sample(pairs.n, np.random.default_rng(seed))
    drawn = SamplePairs(scores[:, : model.dx], scores[:, model.dx :])
    x, y = critic_inputs(drawn, model.degrees)
    lost = float(model.log_ratio(scores).mean()) - untrained_only(x, y, seed, degrees=model.degrees)
    excess = model.information() - float(held.untrained.mean()) - lost
    return beyond_noise(excess, float(held.untrained.std()) / np.sqrt(pairs.n)) * excess


def _account(model: Elliptical, misfit: float, gain: float, unseen: float, few: bool) -> str:
    tails = "Gaussian" if np.isinf(model.degrees) else f"Student ({model.degrees:.1f} degrees of freedom)"
    base = f"{tails} copula: {model.information():.3f} nats"
    if misfit:
        base += f", of which {misfit:+.3f} do not stand on held-out pairs"
    if few:
        return f"{base}; under {FEW_SAMPLES} samples no critic looks for what it misses"
    if gain == 0:
        return f"{base}; critics that start from it find nothing more on held-out pairs"
    return (
        f"{base}; critics that start from it add {gain:.3f} on held-out pairs and {unseen:.3f} for what more "
        "pairs would teach them"
    )


def _beside_neighbours(pairs: SamplePairs, seed: int) -> Estimate:
    """The estimate of critics, or of nearest neighbours where they read more: both miss rather than invent."""
    estimate = _elliptical(pairs, seed)
    read = corrected_neighbours(pairs, seed, draws=1)
    explained = estimate.high if estimate.kind == "estimate" else estimate.nats
    if read.bound or read.nats <= explained or read.low <= estimate.nats:
        return estimate
    note = (
        f"nearest neighbours read {read.nats:.2f} nats, critics {estimate.nats:.2f}: the larger is reported"
    )
    reason = f"{estimate.reason}; {read.reason}"
    larger = _estimate(pairs, read.nats, (min(read.low, estimate.nats), read.high), None, reason)
    return replace(larger, warnings=(*pairs.warnings, note))


def _wide(pairs: SamplePairs, seed: int) -> Estimate:
    counts = [c for c in (4, 8, 16, 32, 64, 128) if c <= pairs.n / (2 * MIN_SAMPLES_PER_DIM)] or [2]
    axes = compressed(pairs, max(counts))
    tried = [(untrained_only(*critic_inputs(axes.leading_columns(c), np.inf), seed), c) for c in counts]
    best = max(tried)[1]
    narrow = axes.leading_columns(best)
    model = fit_elliptical(narrow.x, narrow.y)
    held = _crossfit(narrow, model, seed)
    reason = (
        f"{pairs.dims} dimensions for {pairs.n} samples: {best} principal axes a side, chosen by held-out "
        f"pairs; a model on them reads {model.information():.2f} nats"
    )
    return _bound(pairs, held, reason)


def _bound(pairs: SamplePairs, held: CrossFit, reason: str) -> Estimate:
    nats = float(held.trained.mean())
    spread = QUANTILE * float(held.trained.std()) / np.sqrt(pairs.n)
    explanation = f"{reason}; reported is the held-out InfoNCE bound"
    return replace(
        _estimate(pairs, nats, _around(nats, spread), held.ceiling, explanation), kind="lower bound"
    )


def _around(nats: float, spread: float) -> tuple[float, float]:
    return float(nats - spread), float(nats + spread)


def _estimate(
    pairs: SamplePairs, nats: float, interval: tuple[float, float], ceiling: float | None, reason: str
) -> Estimate:
    low, high = interval
    return Estimate(nats, low, high, "estimate", ceiling, "auto", pairs.n, 0.0, pairs.warnings, reason)
