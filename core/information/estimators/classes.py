"""Labels beside many numbers: a bound from predictors of the label, read on samples that they have not seen."""

import numpy as np
from jaxtyping import Float, Int

from core.information.estimators.discrete import plug_in_entropy
from core.information.estimators.gaussian import shrunk_covariance
from core.information.estimators.neighbours import QUANTILE
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs
from core.information.estimators.typed_scipy import Array, Labels

FOLDS = 5
CANDOUR = 0.02
"""Share of every prediction that is the label's frequency, so that every surprise is finite."""
UNLIKELY = -1e9
"""Log weight of a label with fewer than two known samples."""
RIDGE = 1e-6
"""Added to every variance of the scaled numbers, because classes may be flat."""


def by_classes(pairs: SamplePairs, seed: int = 0) -> Estimate:
    """Lower bound in nats on what numbers tell of a label: H(label) - cross-entropy of predictors.

    Gaussian classes are fitted to four fifths of the samples and read on the last fifth. All classes share a
    covariance or, with enough samples, each has its own; both are shrunk by Ledoit and Wolf's rule, and the better
    reading is reported. H(label) is the entropy of the sample, which errs downwards.

    Args:
        pairs: the samples; one side must be discrete.
        seed: of the folds.

    Source: Barber and Agakov 2003.
    """
    x, y = pairs.variables
    labels, values = (x.labels, pairs.y) if x.discrete else (y.labels, pairs.x)
    ways = (False, True) if pairs.n > values.shape[1] * (labels.max() + 1) else (False,)
    terms = max((_gains(labels, values, each, seed) for each in ways), key=np.mean)
    nats, half = float(terms.mean()), QUANTILE * float(terms.std()) / np.sqrt(pairs.n)
    ceiling = plug_in_entropy(np.bincount(labels))
    reason = f"a label beside {values.shape[1]} numbers: what Gaussian classes tell of it on held-out pairs"
    return Estimate(
        nats,
        nats - half,
        nats + half,
        "lower bound",
        ceiling,
        "classes",
        pairs.n,
        0.0,
        pairs.warnings,
        reason,
    )


def _gains(labels: Int[np.ndarray, " n"], values: Float[np.ndarray, "n d"], each: bool, seed: int) -> Array:
    """log q(label given numbers) / p(label) of each sample, q fitted to the samples of the other folds."""
    shares = np.bincount(labels) / len(labels)
    gains = np.zeros(len(labels))
    for test in np.array_split(np.random.default_rng(seed).permutation(len(labels)), FOLDS):
        known = np.setdiff1d(np.arange(len(labels)), test)
        predicted = _predicted(values[known], labels[known], values[test], shares, each)
        actual = predicted[np.arange(len(test)), labels[test]]
        gains[test] = np.log((1 - CANDOUR) * actual / shares[labels[test]] + CANDOUR)
    return gains


def _predicted(known: Array, labels: Labels, fresh: Array, shares: Array, each: bool) -> Array:
    """Probability of every label for every fresh sample, [fresh, labels], by Gaussian classes of known samples."""
    counts = np.bincount(labels, minlength=len(shares))
    means = np.zeros((len(shares), known.shape[1]))
    np.add.at(means, labels, known)
    means /= np.maximum(counts, 1)[:, None]
    # scaled within classes: covariances are shrunk towards equal variances, which means far apart would blur
    scale = (known - means[labels]).std(axis=0) + RIDGE * known.std(axis=0)
    means, known, fresh = means / scale, known / scale, fresh / scale
    centred = known - means[labels]
    pooled = _root(centred)
    logs = np.full((len(fresh), len(shares)), UNLIKELY)
    for kind in np.flatnonzero(counts > 1):
        root = _root(centred[labels == kind]) if each else pooled
        distances = np.square(np.linalg.solve(root, (fresh - means[kind]).T)).sum(axis=0)
        logs[:, kind] = np.log(shares[kind]) - np.log(np.diag(root)).sum() - distances / 2
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _root(centred: Array) -> Array:
    covariance = shrunk_covariance(centred) + RIDGE * np.eye(centred.shape[1])
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
