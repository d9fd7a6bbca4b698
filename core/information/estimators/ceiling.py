"""Limits estimates by the entropy of a discrete side, the most that anything can tell about it."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from core.information.estimators.discrete import chao_shen_entropy, grassberger_entropy, plug_in_entropy
from core.information.estimators.neighbours import QUANTILE
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs

ROUNDING = 5e-3
"""Nats above the entropy that are not worth a warning."""


class Entropy(NamedTuple):
    """Entropy of the sample in nats, and the upper end of a 95 % interval for the entropy of the variable."""

    nats: float
    high: float


def entropy_of(labels: Int[np.ndarray, " n"]) -> Entropy:
    """Entropy of the sample in nats, with an upper end that allows for unseen kinds.

    The upper end is the larger of two corrected entropies plus the sampling error. Where kinds occur once, their share
    is added; where none does, the end is at most the log of the number of kinds.

    Example:
        >>> entropy_of(np.repeat(np.arange(4), 100))
        Entropy(nats=1.3862943611198906, high=1.3862943611198906)
    """
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n, kinds, single = len(labels), len(counts), int((counts == 1).sum())
    nats = plug_in_entropy(counts)
    spread = np.log(counts / n)[index].std()
    error = np.hypot(spread / np.sqrt(n), np.sqrt((kinds - 1) / 2) / n)
    high = max(grassberger_entropy(counts), chao_shen_entropy(counts)) + QUANTILE * error + single / n
    limit = high if single else min(high, np.log(kinds))
    return Entropy(nats, float(max(limit, nats)))


def under_entropy(estimate: Estimate, pairs: SamplePairs) -> Estimate:
    """The estimate with value, interval and ceiling no larger than a discrete side allows, in nats.

    The value stays below the entropy of the sample, the interval below the upper end of the entropy's own interval. A
    warning gives the value before.
    """
    limits = [
        (entropy_of(side.labels), name)
        for side, name in zip(pairs.variables, "xy", strict=True)
        if side.discrete
    ]
    if not limits:
        return estimate
    entropy, name = min(limits, key=lambda limit: limit[0].nats)
    limit = max(min(entropy.high for entropy, _ in limits), entropy.nats)
    ceiling = limit if estimate.ceiling is None else min(estimate.ceiling, limit)
    nats, high = min(estimate.nats, entropy.nats), min(estimate.high, limit)
    warnings = estimate.warnings
    if estimate.nats > entropy.nats + ROUNDING:
        warnings += (
            f"the method read {estimate.nats:.2f} nats, but the entropy of {name} is {entropy.nats:.2f}: "
            "reported is that",
        )
    return replace(
        estimate,
        nats=nats,
        low=min(estimate.low, nats),
        high=max(high, nats),
        ceiling=ceiling,
        warnings=warnings,
    )
