"""Nearest neighbours in few dimensions, minus their bias, which is measured in two ways."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from core.information.estimators.gaussian import normal_scores
from core.information.estimators.ksg import ksg_terms
from core.information.estimators.samples import SamplePairs
from core.information.estimators.student import Elliptical, fit_elliptical
from core.information.estimators.typed_scipy import Array, Labels

PARTS = 8
"""Parts into which samples are split, if they suffice, to measure how the bias grows with fewer samples."""
FEWEST = 20
"""Samples that a part should have."""
CEILING_MARGIN_NATS = 0.5
"""Nats below the log of the number of candidates within which nothing can be checked."""
ENDLESS = 0.55
"""Share of the gain of a function without noise from which on samples count as such a function.

If one column of d is a function of the others, pairs lie on d - 1 dimensions. Neighbours then gain
log(n / m) / (d - 1) nats from m to n samples, without end. A part of few samples shows less: sin 3x shows 0.62 of the
gain in 300 samples and 0.85 in 1,000; sin 4 pi x under noise of 0.2 shows 0.4 in 300, other noisy pairs less.
"""
KSG_MAX_DIMS = 4
"""Joint dimensions beyond which such a gain cannot be told from the bias of neighbours."""
QUANTILE = 1.959964
"""Standard normal quantile of a 95 % interval."""


class Read(NamedTuple):
    """An estimate in nats with its 95 % interval, whether it is only a bound, and the reason for it."""

    nats: float
    low: float
    high: float
    bound: bool
    reason: str
    warnings: tuple[str, ...] = ()


class Drift(NamedTuple):
    """Gain of an estimate from n / parts to n samples, and the standard error of the gain, in nats."""

    nats: float
    error: float
    parts: int

    def onwards(self, dims: int) -> float:
        """The part of `nats` that is still to come, if the bias falls like n^(-1 / dims)."""
        return 1 / (self.parts ** (1 / dims) - 1)


def drift_of(terms: Array, of_rows: Callable[[Labels], Array], rng: np.random.Generator) -> Drift:
    """Gain of neighbours among all samples over neighbours among an eighth of the samples, in nats.

    Both are compared on the same rows, so chance that the samples share cancels. Fewer than 160 samples make fewer
    parts.

    Args:
        terms: estimator's terms with all samples.
        of_rows: computes the terms from some rows alone.
        rng: draws the parts.
    """
    count = max(2, min(PARTS, len(terms) // FEWEST))
    parts = np.array_split(rng.permutation(len(terms)), count)
    gains = np.array([terms[part].mean() - of_rows(part).mean() for part in parts])
    return Drift(float(gains.mean()), float(gains.std(ddof=1)) / np.sqrt(count), count)


def corrected_neighbours(pairs: SamplePairs, seed: int, draws: int = 3) -> Read:
    """KSG (k = 5) on normal scores in nats, with two corrections of its bias.

    First the error on samples of a fitted Student copula, whose information is known, is subtracted. The bias that
    remains is of order n^(-1/2) where the density has edges. It shows as a drift between n / 8 and n samples beyond
    the drift of the simulated samples; the second correction continues it to infinity, as far as it stands out of its
    noise. The interval holds the noise of both corrections, a quarter of the first and all of the second, and reaches
    up to where the whole drift would lead if edges alone caused it.

    The uncorrected value is returned as a bound within half a nat of log(n), above which neighbours see nothing, and
    where the drift is that of a function without noise, whose information has no limit.

    Args:
        pairs: the samples.
        seed: of simulations and parts.
        draws: simulated data sets.
    """
    rng = np.random.default_rng(seed)
    model = fit_elliptical(pairs.x, pairs.y)
    terms, drift = _read(pairs.x, pairs.y, rng)
    simulated = np.mean([_simulated(model, pairs.n, rng) for _ in range(draws)], axis=0)
    onwards, more = drift.onwards(dims=2), 1 + 1 / draws
    noise = drift.error * np.sqrt(more) * onwards
    beyond = (drift.nats - simulated[1]) * onwards
    trust = beyond_noise(beyond, noise)
    nats = float(terms.mean()) - simulated[0] + trust * beyond
    at_edges = float(terms.mean()) + drift.nats * onwards
    error = QUANTILE * np.hypot(float(terms.std()) * np.sqrt(more / pairs.n), noise)
    doubt = abs(simulated[0]) / 4 + abs(trust * beyond)
    reason = (
        f"{pairs.dims} joint dimensions: nearest neighbours (k = 5), corrected by "
        f"{-simulated[0]:+.3f} nats for their bias on a Student copula like these and by {trust * beyond:+.3f} "
        "for what drifts with n"
    )
    endless = _endless(drift, drift.nats - simulated[1], pairs.dims)
    if endless or nats > np.log(pairs.n) - CEILING_MARGIN_NATS:
        plain = float(terms.mean())
        why = f"near what {pairs.n} samples can show"
        if endless:
            why = f"still rising with n like that of a function without noise ({drift.nats:.2f} from n / {drift.parts})"
        reason += f", {nats:.2f} in all, but that is {why}: reported is the plain one"
        note = f"a bound only: the reading is {why}, so the information may be larger without limit"
        return Read(plain, float(plain - error), float(plain + error), True, reason, (note,))
    high = nats + error + doubt + trust * max(at_edges - nats, 0.0)
    return Read(float(nats), float(nats - error - doubt), float(high), False, reason)


def _endless(drift: Drift, beyond: float, dims: int) -> bool:
    """Whether the drift beyond the simulated drift is that of a function without noise, and not chance."""
    least = ENDLESS * np.log(drift.parts) / (dims - 1)
    return dims <= KSG_MAX_DIMS and bool(beyond > max(least, 3 * drift.error))


def _read(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Drift]:
    def of_rows(rows: Labels) -> Array:
        return ksg_terms(normal_scores(x[rows]), normal_scores(y[rows]), min(5, len(rows) - 1))

    terms = of_rows(np.arange(len(x)))
    return terms, drift_of(terms, of_rows, rng)


def _simulated(model: Elliptical, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """Error of nearest neighbours on n samples of the model, and their drift, in nats."""
    scores = model.sample(n, rng)
    terms, drift = _read(scores[:, : model.dx], scores[:, model.dx :], rng)
    return float(terms.mean() - model.log_ratio(scores).mean()), drift.nats


def beyond_noise(value: float, noise: float) -> float:
    """The share of a value that stands out of its noise, between 0 and 1 (positive-part James-Stein)."""
    return max(0.0, 1 - (noise / value) ** 2) if value else 0.0
