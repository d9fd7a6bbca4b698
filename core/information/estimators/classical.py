"""Estimators without training: Gaussian, Student, nearest neighbours."""

import numpy as np

from core.errors import InputError
from core.information.estimators.gaussian import gaussian_information, normal_scores
from core.information.estimators.ksg import ksg_terms, non_uniformity_terms
from core.information.estimators.neighbours import QUANTILE, drift_of
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs, ranks_of
from core.information.estimators.student import fit_elliptical, quantiles
from core.information.estimators.typed_scipy import Array, Labels

MANY = 6
"""Joint dimensions above which nearest neighbours lose a tenth of the information or more, at n = 5,000."""


def by_gaussian(pairs: SamplePairs, seed: int = 0, ranks: bool = False) -> Estimate:
    """Information of Gaussians in nats, free of small-sample bias; with `ranks`, of the Gaussian copula.

    -1/2 sum_k log(1 - rho_k^2) over the canonical correlations rho. The value is exact for Gaussians and, by ranks,
    for their monotone maps; it is blind to any other dependence.

    Raises:
        InputError: n <= dx + dy + 1.
    """
    x, y = (normal_scores(pairs.x), normal_scores(pairs.y)) if ranks else (pairs.x, pairs.y)
    nats = gaussian_information(x, y)
    error = _model_error(np.sqrt(min(2 * nats, pairs.dims) if nats > 0 else 0), pairs)
    return _symmetric(nats, error, "gaussian-ranks" if ranks else "gaussian", pairs)


def by_student(pairs: SamplePairs, seed: int = 0) -> Estimate:
    """Information of a Student copula in nats, with degrees of freedom by likelihood.

    Raises:
        InputError: n <= dx + dy + 1.
    """
    fitted = fit_elliptical(pairs.x, pairs.y)
    scores = quantiles(ranks_of(np.hstack([pairs.x, pairs.y])), fitted.degrees)
    error = _model_error(float(fitted.log_ratio(scores).std()), pairs)
    return _symmetric(fitted.information(), error, "student", pairs)


def _model_error(spread: float, pairs: SamplePairs) -> float:
    """Standard error of the mean of a fitted log ratio: its spread, and the noise of the cross-covariance."""
    cells = pairs.x.shape[1] * pairs.y.shape[1]
    return float(np.sqrt(spread**2 / pairs.n + cells / (2 * pairs.n**2)))


def by_ksg(
    pairs: SamplePairs, seed: int = 0, neighbours: int = 5, non_uniform: bool = False, ranks: bool = True
) -> Estimate:
    """Kraskov's nearest-neighbour estimate in nats.

    The sampling error allows for neighbours that share samples. The interval also holds the change to expect from more
    samples: the change from n / 8 to n, continued at the rate n^(-1/d), and half as much again upwards, where the bias
    of neighbours lies. So it is wide in many dimensions. Below 0 it reaches by the sampling error only.

    Args:
        pairs: the samples.
        seed: of the parts in which the change with n is measured.
        neighbours: number k of neighbours, from 1 to n / 4 - 1.
        non_uniform: adds the local non-uniformity correction of Gao et al. 2015.
        ranks: reads normal scores of the samples.

    Raises:
        InputError: neighbours is out of range.

    Source: Kraskov et al. 2004.
    """
    if not 1 <= neighbours <= pairs.n // 4 - 1:
        raise InputError(
            f"neighbours must lie between 1 and n / 4 - 1 = {pairs.n // 4 - 1}, got {neighbours}"
        )

    def of_rows(rows: Labels) -> Array:
        return _ksg_terms(pairs.take(rows), neighbours, non_uniform, ranks)

    terms = of_rows(np.arange(pairs.n))
    drift = drift_of(terms, of_rows, np.random.default_rng(seed))
    onwards = drift.onwards(pairs.dims)
    nats, further = float(terms.mean()), drift.nats * onwards
    sampling_error = float(terms.std()) * np.sqrt((1 + 1 / neighbours) / pairs.n)
    error = QUANTILE * float(np.hypot(sampling_error, drift.error * onwards))
    notes = (f"{pairs.dims} dimensions: nearest neighbours see little here",) if pairs.dims > MANY else ()
    return Estimate(
        nats,
        float(max(nats - error + min(further, 0.0), min(nats, 0.0) - QUANTILE * sampling_error)),
        float(nats + error + max(1.5 * further, 0.0)),
        "estimate",
        float(np.log(pairs.n)),
        "ksg",
        pairs.n,
        0.0,
        pairs.warnings + notes,
    )


def _ksg_terms(pairs: SamplePairs, neighbours: int, non_uniform: bool, ranks: bool) -> Array:
    x, y = (normal_scores(pairs.x), normal_scores(pairs.y)) if ranks else (pairs.x, pairs.y)
    terms = ksg_terms(x, y, neighbours)
    return terms + non_uniformity_terms(x, y, min(10, pairs.n - 1)) if non_uniform else terms


def _symmetric(nats: float, error: float, method: str, pairs: SamplePairs) -> Estimate:
    half = QUANTILE * error
    return Estimate(nats, nats - half, nats + half, "estimate", None, method, pairs.n, 0.0, pairs.warnings)
