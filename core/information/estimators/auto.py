"""One default a newcomer can trust: it tries what suits the samples, checks itself and says what it chose."""

from dataclasses import replace

import numpy as np

from core.information.estimators.classical import QUANTILE, by_counting
from core.information.estimators.compress import compressed
from core.information.estimators.crossfit import Held, Schedule, crossfit, start_only
from core.information.estimators.elliptical import sides_of
from core.information.estimators.neighbours import corrected_neighbours
from core.information.estimators.result import Estimate
from core.information.estimators.samples import Pairs, levels_of
from core.information.estimators.student import Elliptical, fit_elliptical

FEW_DIMS = 4
"""Up to this many joint dimensions nearest neighbours need no model."""
WIDE = 5
"""Fewer samples than this per dimension: compress first."""
FEW_SAMPLES = 300
"""Below this many samples no critic is trained."""


def by_auto(pairs: Pairs, seed: int = 0) -> Estimate:
    """Information in nats by the method that suits the samples; `reason` says which and why.

    Discrete on both sides: counting. Up to 4 joint dimensions: nearest neighbours, less the bias they show on
    samples simulated from a fitted Student copula and on subsets of the samples. Else: the Student copula,
    plus what critics that start from it gain on pairs they have not seen. More dimensions than n / 5: the
    same on principal axes, reported as a lower bound. Within half a nat of the log of the number of held-out
    candidates, above which nothing can be checked, the held-out lower bound is reported instead.
    """
    if levels_of(pairs.x) is not None and levels_of(pairs.y) is not None:
        return replace(by_counting(pairs), method="auto", reason="both sides are discrete: counted")
    if pairs.dims <= FEW_DIMS:
        read = corrected_neighbours(pairs, seed)
        return _estimate(pairs, read.nats, QUANTILE * read.error + read.doubt, None, read.reason)
    if pairs.n < WIDE * pairs.dims:
        return _wide(pairs, seed)
    return _elliptical(pairs, seed)


def _elliptical(pairs: Pairs, seed: int) -> Estimate:
    model = fit_elliptical(pairs.x, pairs.y)
    x, y = sides_of(pairs, model.degrees)
    few = pairs.n < FEW_SAMPLES
    held = crossfit(x, y, model.degrees, seed, schedule=Schedule(steps=0) if few else None)
    gain = max(float((held.bent - held.start).mean()), 0.0)
    unseen = max(0.5 * (held.bent_seen - held.start_seen - gain), 0.0) if gain else 0.0
    nats = model.information() + gain + unseen
    cells = pairs.x.shape[1] * pairs.y.shape[1] / 2
    error = float(np.sqrt(held.bent.var() / pairs.n + cells / pairs.n**2))
    spread = QUANTILE * error + unseen + 0.1 * gain
    reason = _account(model, gain, unseen, held)
    if nats > held.ceiling - 0.5:
        return _bound(pairs, held, f"{reason}, {nats:.2f} in all, but that is near what can be checked")
    return _estimate(pairs, nats, spread, held.ceiling, reason)


def _account(model: Elliptical, gain: float, unseen: float, held: Held) -> str:
    tails = "Gaussian" if np.isinf(model.degrees) else f"Student ({model.degrees:.1f} degrees of freedom)"
    base = f"{tails} copula: {model.information():.3f} nats; critics that start from it"
    if gain == 0:
        return f"{base} find nothing more on held-out pairs"
    return f"{base} add {gain:.3f} on held-out pairs and {unseen:.3f} for what more pairs would teach them"


def _wide(pairs: Pairs, seed: int) -> Estimate:
    counts = [c for c in (4, 8, 16, 32, 64, 128) if c <= pairs.n / (2 * WIDE)] or [2]
    axes = compressed(pairs, max(counts))
    tried = [(start_only(*sides_of(axes.first(c), np.inf), seed), c) for c in counts]
    best = max(tried)[1]
    narrow = axes.first(best)
    model = fit_elliptical(narrow.x, narrow.y)
    x, y = sides_of(narrow, model.degrees)
    held = crossfit(x, y, model.degrees, seed)
    reason = (
        f"{pairs.dims} dimensions for {pairs.n} samples: {best} principal axes a side, chosen by held-out "
        f"pairs; a model on them reads {model.information():.2f} nats"
    )
    return _bound(pairs, held, reason)


def _bound(pairs: Pairs, held: Held, reason: str) -> Estimate:
    nats = float(held.bent.mean())
    spread = QUANTILE * float(held.bent.std()) / np.sqrt(pairs.n)
    made = _estimate(pairs, nats, spread, held.ceiling, f"{reason}; reported is the held-out InfoNCE bound")
    return replace(made, kind="lower bound")


def _estimate(pairs: Pairs, nats: float, spread: float, ceiling: float | None, reason: str) -> Estimate:
    return Estimate(
        nats,
        float(nats - spread),
        float(nats + spread),
        "estimate",
        ceiling,
        "auto",
        pairs.n,
        0.0,
        pairs.warnings,
        reason,
    )
