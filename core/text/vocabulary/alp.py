"""Numbers of a tokenised text that follow from how often each piece is used."""

from typing import Final

import numpy as np
from jaxtyping import Float, Real

RENYI_ORDER: Final = 2.5
"""The order that agreed best with translation quality in Zouhar et al., "Tokenization and the Noiseless Channel"
(ACL 2023)."""


def average_log_probability(counts: Real[np.ndarray, " pieces"], lines: int) -> float:
    """ALP of a text in nats per line: (1 / lines) * sum of ln p(piece) over its pieces; higher is better.

    p(piece) = count / sum of counts, of the same text: not the score that a tokenizer gives the piece. So ALP rewards
    few pieces and pieces that are used often. Longer lines have a lower ALP, whatever their language (Zheng et al.
    2021, as released).

    Args:
        counts: how often each piece is used; pieces that are not used add nothing.
        lines: of the text, from 1.

    Example:
        >>> round(average_log_probability(np.array([2, 1, 1]), lines=2), 4)
        -2.0794
    """
    if lines < 1:
        raise ValueError(f"expected a text of at least one line, got {lines}")
    used = np.asarray(counts, np.float64)
    used = used[used > 0]
    return float((used * np.log(used / used.sum())).sum() / lines)


def log_probabilities(counts: Real[np.ndarray, " pieces"]) -> Float[np.ndarray, " pieces"]:
    """ln(count / sum of counts) of each piece in nats; -inf where it is not used."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(counts, np.float64)) - np.log(max(1.0, float(np.sum(counts))))


def renyi_efficiency(counts: Real[np.ndarray, " pieces"], order: float = RENYI_ORDER) -> float:
    """Renyi entropy of the pieces over the log of their number, from 0 (one piece does all) to 1 (all alike).

    H_a = ln(sum p^a) / (1 - a) (Zouhar et al. 2023). `counts` holds every piece of the vocabulary, used or not.

    Example:
        >>> round(renyi_efficiency(np.array([5, 5, 5, 5])), 6)
        1.0
    """
    if order == 1 or order <= 0:
        raise ValueError(f"expected an order above 0 that is not 1, got {order}")
    shares = np.asarray(counts, np.float64) / max(1.0, float(np.sum(counts)))
    return float(np.log((shares**order).sum()) / (1 - order) / np.log(max(2, len(shares))))
