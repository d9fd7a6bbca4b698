"""Information and entropy of labels by counting, and the error of counting where most pairs of labels are rare."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from core.errors import InputError
from core.information.estimators.typed_scipy import Array, Labels, digamma, log_gammas

CONCENTRATIONS = 60
"""Strengths of the prior that are tried, evenly spaced in their logarithm."""


class CountTable(NamedTuple):
    """Counts of the pairs of labels that occur.

    Attributes:
        cells: count of each pair.
        rows: count of the x label of each pair.
        columns: count of the y label of each pair.
        left: count of each x label.
        right: count of each y label.
    """

    cells: Int[np.ndarray, " cells"]
    rows: Int[np.ndarray, " cells"]
    columns: Int[np.ndarray, " cells"]
    left: Int[np.ndarray, " kx"]
    right: Int[np.ndarray, " ky"]

    @property
    def n(self) -> int:
        return int(self.left.sum())


def table_of(x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]) -> CountTable:
    """Counts of labels 0, 1, ... and of their pairs."""
    left, right = np.bincount(x), np.bincount(y)
    joint, cells = np.unique(x * len(right) + y, return_counts=True)
    return CountTable(cells, left[joint // len(right)], right[joint % len(right)], left, right)


def plug_in_terms(x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """log p(x, y) / (p(x) p(y)) of each sample in nats, with probabilities counted from the samples themselves.

    The mean is the plug-in information. It is biased upwards: by (occupied cells) / 2n where all cells are full, by
    much more where most are empty.

    Raises:
        InputError: a label is negative.

    Example:
        >>> labels = np.array([0, 1, 0, 1])
        >>> plug_in_terms(labels, labels).round(4).tolist()
        [0.6931, 0.6931, 0.6931, 0.6931]
    """
    if x.min() < 0 or y.min() < 0:
        raise InputError("labels must be 0, 1, 2, ...: use numpy.unique(..., return_inverse=True)")
    _, index, counts = np.unique(x * (y.max() + 1) + y, return_inverse=True, return_counts=True)
    return np.log(counts[index] * len(x) / (np.bincount(x)[x] * np.bincount(y)[y]))


def plug_in_entropy(counts: Int[np.ndarray, " kinds"]) -> float:
    """Entropy of the sample itself in nats, -sum_c (c / n) log(c / n): nothing tells more about this sample.

    Example:
        >>> round(plug_in_entropy(np.array([50, 50])), 4)
        0.6931
    """
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def grassberger_entropy(counts: Int[np.ndarray, " kinds"]) -> float:
    """Entropy in nats with Grassberger's correction for kinds that were seen a few times.

    log n - sum c G(c) / n, G(c) = psi(c) + (-1)^c / 2 [psi((c + 1) / 2) - psi(c / 2)]. The bias is small once kinds
    are seen twice on average.

    Source: Grassberger 2003 (physics/0307138).

    Example:
        >>> counts = np.bincount(np.random.default_rng(0).integers(0, 100, 300))
        >>> round(plug_in_entropy(counts), 2), round(grassberger_entropy(counts), 2), round(np.log(100), 2)
        (4.47, 4.64, np.float64(4.61))
    """
    seen = counts[counts > 0]
    signs = 1 - 2 * (seen % 2)
    terms = digamma(seen) + signs / 2 * (digamma((seen + 1) / 2) - digamma(seen / 2))
    return float(np.log(seen.sum()) - (seen * terms).sum() / seen.sum())


def chao_shen_entropy(counts: Int[np.ndarray, " kinds"]) -> float:
    """Entropy in nats, with a share for unseen kinds and each kind weighted by its chance to be seen.

    -sum p log p / (1 - (1 - p)^n), p = C c / n, C = 1 - (kinds seen once) / n.

    Source: Chao and Shen 2003.
    """
    seen = counts[counts > 0]
    n = seen.sum()
    share = (1 - min(int((seen == 1).sum()), n - 1) / n) * seen / n
    return float(-(share * np.log(share) / -np.expm1(n * np.log1p(-share))).sum()) if len(seen) > 1 else 0.0


def counted_information(table: CountTable) -> float:
    """The plug-in information in nats, H(x) + H(y) - H(x, y): too high by (occupied cells) / 2n and more."""
    parts = [plug_in_entropy(counts) for counts in (table.left, table.right, table.cells)]
    return parts[0] + parts[1] - parts[2]


def corrected_information(table: CountTable) -> float:
    """Information in nats from Grassberger's entropies, H(x) + H(y) - H(x, y): too high where most pairs occur once."""
    parts = [grassberger_entropy(counts) for counts in (table.left, table.right, table.cells)]
    return parts[0] + parts[1] - parts[2]


class Chance(NamedTuple):
    """Mean information of shuffled pairs in nats, counted and with Grassberger's correction; all of it is bias."""

    counted: float
    corrected: float


def chance_information(x: Labels, y: Labels, rng: np.random.Generator, draws: int = 10) -> Chance:
    """The bias of counting in nats, measured on shuffled pairs, whose labels tell nothing of each other.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> counted, corrected = chance_information(*rng.integers(0, 60, (2, 3000)), rng)
        >>> round(counted, 1), round(corrected, 1)
        (0.7, 0.1)
    """
    tables = [table_of(x, rng.permutation(y)) for _ in range(draws)]
    readings = [(counted_information(table), corrected_information(table)) for table in tables]
    counted, corrected = np.mean(readings, axis=0)
    return Chance(float(counted), float(corrected))


def shrunk_information(table: CountTable) -> float:
    """Posterior mean of the information in nats under a Dirichlet prior round independence.

    The prior mean of p(x, y) is p(x) p(y). Several strengths of the prior are tried, each weighted by its evidence,
    the Polya likelihood of the counts. So independent labels pull the table to independence, and dependent labels
    leave it as it was counted.

    Related: Archer, Park and Pillow 2013 (Entropy 15, 1738), who mix Dirichlet priors round other means.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, y = rng.integers(0, 60, (2, 300))
        >>> round(float(plug_in_terms(x, y).mean()), 1), round(shrunk_information(table_of(x, y)), 1)
        (2.3, 0.0)
    """
    strengths = np.geomspace(0.01, 1e4 * table.n, CONCENTRATIONS)
    logs = np.array([log_evidence(table, strength) for strength in strengths])
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    likely = weight > 1e-4
    means = [posterior_information(table, strength) for strength in strengths[likely]]
    return float(np.dot(weight[likely], means) / weight[likely].sum())


def log_evidence(table: CountTable, strength: float) -> float:
    """Log probability in nats of the samples in their order under a Dirichlet prior for p(x, y) (Polya's urn).

    The mean of the prior is the product of the margins.
    """
    prior = strength * table.rows * table.columns / table.n**2
    whole = log_gammas(np.array([strength, strength + table.n]))
    return float(whole[0] - whole[1] + (log_gammas(table.cells + prior) - log_gammas(prior)).sum())


def posterior_information(table: CountTable, strength: float) -> float:
    """Posterior mean of the information in nats under the prior of `log_evidence`, exactly."""
    n, total = table.n, table.n + strength
    prior = strength * table.rows * table.columns / n**2
    seen = (_weighed(table.cells + prior) - _weighed(prior)).sum()
    # cells of equal margins are equal where nothing was counted, so each pair of margins is summed once
    (a, many_a), (b, many_b) = (np.unique(part, return_counts=True) for part in (table.left, table.right))
    empty = many_a @ _weighed(strength * np.outer(a, b) / n**2) @ many_b
    sides = [float(_weighed(part * (total / n)).sum()) for part in (table.left, table.right)]
    return float((seen + empty - sides[0] - sides[1]) / total + digamma(total + 1))


def _weighed(values: Array) -> Array:
    return values * digamma(values + 1)
