"""Estimates mutual information from samples by any method: `estimate`."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from core.errors import InputError
from core.information.estimators.auto import by_auto
from core.information.estimators.ceiling import under_entropy
from core.information.estimators.classical import by_gaussian, by_ksg, by_student
from core.information.estimators.counting import by_counting
from core.information.estimators.critics import BOUNDS
from core.information.estimators.flow import by_flow
from core.information.estimators.latent import by_latent
from core.information.estimators.mixed import by_mixed
from core.information.estimators.neural import by_critic
from core.information.estimators.result import Estimate
from core.information.estimators.samples import read_pairs

METHODS: dict[str, Callable[..., Estimate]] = {
    "auto": by_auto,
    "gaussian": by_gaussian,
    "gaussian-ranks": partial(by_gaussian, ranks=True),
    "student": by_student,
    "ksg": by_ksg,
    "discrete": by_counting,
    "mixed": by_mixed,
    "flow": by_flow,
    "latent": by_latent,
} | {name: partial(by_critic, bound=name) for name in BOUNDS}
AWARE = {"auto", "discrete", "mixed"}
"""Methods that recognise labels and ties."""
NEGATIVE = "below zero, which information never is: this method does not suit these samples"


def estimate(x: Any, y: Any, method: str = "auto", seed: int = 0, **options: Any) -> Estimate:
    """Mutual information I(x; y) in nats, with a 95 % interval, from n paired samples.

    A trained method reads samples that its critic has not seen.

    Args:
        x: [n, dx], an array of numpy or torch; [n] counts as [n, 1].
        y: [n, dy], likewise.
        method: a key of METHODS; "auto" picks a method and says why.
        seed: of splits and training.
        options: passed to the method.

    Raises:
        InputError: samples are unpaired, too few or not finite, or the method is unknown.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((1000, 1))
        >>> result = estimate(x, x + rng.standard_normal((1000, 1)))
        >>> bool(result.low < 0.5 * np.log(2) < result.high), result.kind
        (True, 'estimate')
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    started = time.perf_counter()
    pairs = read_pairs(x, y)
    if 0 in (pairs.x.shape[1], pairs.y.shape[1]):
        result = Estimate(0.0, 0.0, 0.0, "estimate", 0.0, method, pairs.n, 0.0, pairs.warnings, "constant")
    else:
        prepared = pairs if method in AWARE else pairs.as_continuous()
        result = under_entropy(METHODS[method](prepared, seed=seed, **options), pairs)
    if result.kind == "estimate" and result.high < 0:
        result = replace(result, warnings=(*result.warnings, NEGATIVE))
    return replace(result, seconds=time.perf_counter() - started)
