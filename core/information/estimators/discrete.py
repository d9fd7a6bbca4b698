"""Information between discrete variables, counted."""

import numpy as np
from jaxtyping import Float, Int

from core.errors import InputError


def plug_in_terms(x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """log p(x, y) / p(x) p(y) of each sample with probabilities counted from the samples themselves, in nats.

    The mean is the plug-in information, biased upwards by about (cells used) / 2n.

    Example:
        >>> labels = np.array([0, 1, 0, 1])
        >>> plug_in_terms(labels, labels).round(4).tolist()
        [0.6931, 0.6931, 0.6931, 0.6931]
    """
    if x.min() < 0 or y.min() < 0:
        raise InputError("labels must be 0, 1, 2, ...: use numpy.unique(..., return_inverse=True)")
    joint = x * (y.max() + 1) + y
    together, left, right = (np.bincount(labels)[labels] for labels in (joint, x, y))
    return np.log(together * len(x) / (left * right))


def miller_madow(x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]) -> float:
    """What the plug-in information exceeds the truth by on average, in nats, to first order.

    (K_xy - K_x - K_y + 1) / 2n with K the number of values seen. Source: Miller 1955.

    Example:
        >>> labels = np.arange(8) % 2
        >>> miller_madow(labels, labels)
        -0.0625
    """
    pairs = len(np.unique(np.stack([x, y]), axis=1).T)
    return (pairs - len(np.unique(x)) - len(np.unique(y)) + 1) / (2 * len(x))
