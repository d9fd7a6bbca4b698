"""Checks an estimator on given samples against what any information must satisfy (after Song and Ermon 2020).

Nobody knows the truth of real data, so an estimator may be wrong there unseen; these checks have known answers on any
data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.errors import InputError

Estimator = Callable[[np.ndarray, np.ndarray], float]
"""Maps samples to nats, such as `lambda x, y: estimate(x, y).nats`."""


@dataclass(frozen=True)
class Consistency:
    """Readings of an estimator in nats; `additive` is a ratio.

    Attributes:
        whole: the information of the samples.
        independent: the information of shuffled pairs; ideally 0.
        swapped: I(y; x) - I(x; y); ideally 0.
        mapped: change under an invertible linear map of both sides; ideally 0.
        processed: I(x; half of y) - I(x; y); ideally <= 0.
        additive: I of two independent copies side by side / (2 I); ideally 1.
    """

    whole: float
    independent: float
    swapped: float
    mapped: float
    processed: float
    additive: float


def self_consistency(
    estimator: Estimator, x: Float[np.ndarray, "n dx"], y: Float[np.ndarray, "n dy"], seed: int = 0
) -> Consistency:
    """Independence, symmetry, invariance, data processing and additivity of an estimator on these samples.

    The copies for additivity are the two halves of the samples.

    Raises:
        InputError: fewer than 40 samples came.

    Source: Song and Ermon 2020 (1910.06222).

    Example:
        >>> from core.information.estimators.gaussian import gaussian_information
        >>> x, noise = np.random.default_rng(0).standard_normal((2, 4000, 2))
        >>> answers = self_consistency(gaussian_information, x, x + noise)
        >>> round(answers.additive, 1), abs(answers.swapped) < 1e-9, abs(answers.mapped) < 1e-9
        (1.0, True, True)
    """
    if len(x) < 40:
        raise InputError(f"at least 40 samples expected, got {len(x)}")
    rng = np.random.default_rng(seed)
    whole = estimator(x, y)
    half = len(x) // 2
    front, back = slice(0, half), slice(half, 2 * half)
    single = 0.5 * (estimator(x[front], y[front]) + estimator(x[back], y[back]))
    double = estimator(np.hstack([x[front], x[back]]), np.hstack([y[front], y[back]]))
    return Consistency(
        whole=whole,
        independent=estimator(x, y[rng.permutation(len(y))]),
        swapped=estimator(y, x) - whole,
        mapped=estimator(_mixed(x, rng), _mixed(y, rng)) - whole,
        processed=estimator(x, y[:, : (y.shape[1] + 1) // 2]) - whole,
        additive=double / (2 * single) if single else float("nan"),
    )


def _mixed(values: Float[np.ndarray, "n d"], rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    dims = values.shape[1]
    return values @ (np.eye(dims) + 0.3 * rng.standard_normal((dims, dims)) / np.sqrt(dims))
