"""Information that a family of predictors can use: V-information, and its Bayesian variant for probes."""

import numpy as np
from jaxtyping import Float

from core.errors import InputError
from core.information.estimators.classical import QUANTILE
from core.information.estimators.result import Estimate


def usable_information(
    informed: Float[np.ndarray, " n"], uninformed: Float[np.ndarray, " n"], method: str = "v-information"
) -> Estimate:
    """V-information in nats: mean of log q(y given x) - log q(y), predictors of one family on held-out samples.

    I_V = H_V(Y) - H_V(Y given X). It bounds I(X; Y) from below if q(y) is the true marginal. It may be negative on
    samples, though not in expectation for the best predictors of the family.

    Args:
        informed: log q(y given x) in nats of each sample.
        uninformed: log q(y) in nats of each sample.
        method: name in the estimate.

    Raises:
        InputError: there are fewer than 10 log-likelihoods, or some are not finite.

    Source: Xu et al. 2020 (2002.10689).

    Example:
        >>> usable_information(np.full(20, -0.1), np.full(20, -0.7)).words()
        'at least 0.60 nats (97.5 % confidence); bound 0.60 [0.60, 0.60]'
    """
    gain = _gain(informed, uninformed)
    nats, error = float(gain.mean()), float(gain.std(ddof=1)) / np.sqrt(len(gain))
    low, high = float(nats - QUANTILE * error), float(nats + QUANTILE * error)
    return Estimate(nats, low, high, "lower bound", None, method, len(gain), 0.0)


def bayesian_information(informed: Float[np.ndarray, " n"], uninformed: Float[np.ndarray, " n"]) -> Estimate:
    """Information that an agent has learned about y from x in n samples, in nats per sample, by online predictions.

    Each sample is predicted before the agent learns from it. So early samples count against the agent: a family that
    needs many samples to use x scores less.

    Args:
        informed: log q(y given x) in nats of each sample before it was learned from.
        uninformed: log q(y) likewise.

    Source: Pimentel and Cotterell 2021 (2109.03853).

    Example:
        >>> bayesian_information(np.full(20, -0.2), np.full(20, -0.7)).method
        'bayesian'
    """
    return usable_information(informed, uninformed, method="bayesian")


def _gain(informed: Float[np.ndarray, " n"], uninformed: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    gain = informed - uninformed
    if len(gain) < 10 or not np.isfinite(gain).all():
        raise InputError(
            f"10 or more finite log-likelihoods expected, got {np.isfinite(gain).sum()} of {len(gain)}"
        )
    return gain
