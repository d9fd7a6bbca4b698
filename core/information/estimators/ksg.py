"""Nearest-neighbour estimates: no model, excellent in few dimensions, blind in many."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float

from core.errors import InputError
from core.information.estimators.samples import Array
from core.information.estimators.typed_scipy import Labels, count_in_tree, digamma, neighbours_in_tree

TREE_DIMS = 8
"""Up to this many joint dimensions a k-d tree beats comparing all pairs."""


def ksg_terms(
    x: Float[np.ndarray, "n dx"], y: Float[np.ndarray, "n dy"], neighbours: int = 5
) -> Float[np.ndarray, " n"]:
    """Per-sample terms whose mean is the KSG estimate of I(x; y) in nats.

    psi(k) + psi(n) - psi(n_x + 1) - psi(n_y + 1), where n_x counts the samples nearer in x than the k-th neighbour is
    in the joint space (maximum norm). The estimate falls towards 0 in many dimensions. A sample that coincides with k
    others counts all of these instead, so discrete parts are allowed.

    Args:
        x: samples.
        y: samples, paired with x.
        neighbours: k.

    Raises:
        InputError: neighbours is not in 1 ... n - 1.

    Sources: Kraskov et al. 2004 (first estimator); Gao et al. 2017 (1709.06212) for ties.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((2000, 1))
        >>> y = 0.6 * x + 0.8 * rng.standard_normal((2000, 1))
        >>> abs(ksg_terms(x, y).mean() + 0.5 * np.log(1 - 0.6**2)) < 0.06
        np.True_
    """
    n = len(x)
    if not 1 <= neighbours < n:
        raise InputError(f"neighbours must lie between 1 and n - 1 = {n - 1}, got {neighbours}")
    joint = np.hstack([x, y])
    distance = kth_distance(joint, neighbours)
    # a little less, so that rounding cannot count the k-th neighbour itself, whose distance is the radius
    radius = np.maximum(distance * (1 - 1e-10) - 8 * np.finfo(np.float64).eps * np.abs(joint).max(), 0)
    counted = np.full(n, neighbours)
    tied = distance == 0
    if tied.any():
        counted[tied] = count_within(joint, radius)[tied]
    near = digamma(count_within(x, radius)) + digamma(count_within(y, radius))
    return digamma(counted) + digamma(n) - near


def kth_distance(points: Float[np.ndarray, "n d"], neighbours: int) -> Float[np.ndarray, " n"]:
    """Maximum-norm distance of each point to its k-th neighbour, the point itself not counted."""
    if points.shape[1] <= TREE_DIMS:
        return neighbours_in_tree(points, neighbours + 1)[0][:, -1]
    parts = [block.kthvalue(neighbours + 1, dim=1).values for block in _distances(points)]
    return torch.cat(parts).numpy()


def count_within(points: Float[np.ndarray, "n d"], radius: Float[np.ndarray, " n"]) -> Labels:
    """Number of points within the radius of each point (maximum norm), the point itself included."""
    if points.shape[1] == 1:
        line = np.sort(points[:, 0])
        upper = np.searchsorted(line, points[:, 0] + radius, side="right")
        return (upper - np.searchsorted(line, points[:, 0] - radius, side="left")).astype(np.int64)
    if points.shape[1] <= TREE_DIMS:
        return count_in_tree(points, radius)
    limits = torch.split(torch.as_tensor(radius), _rows(len(points)))
    parts = [(b <= r[:, None]).sum(1) for b, r in zip(_distances(points), limits, strict=True)]
    return torch.cat(parts).numpy()


def _rows(n: int) -> int:
    return max(1, 4_000_000 // n)


def _distances(points: Array) -> Iterator[torch.Tensor]:
    whole = torch.as_tensor(points)
    for block in torch.split(whole, _rows(len(points))):
        yield torch.cdist(block, whole, p=torch.inf)


def non_uniformity_terms(
    x: Float[np.ndarray, "n dx"], y: Float[np.ndarray, "n dy"], neighbours: int = 10, threshold: float = 0.25
) -> Float[np.ndarray, " n"]:
    """Correction of the KSG terms in nats where the neighbourhood is a thin slanted sheet; else 0.

    -log(V' / V) where V' < threshold V, with V the axis-parallel box round the k neighbours and V' the box along their
    principal axes. The correction helps where information is large and dimensions are few; elsewhere it adds bias.

    Source: Gao et al. 2015 (1411.2003).
    """
    joint = np.hstack([x, y])
    index = neighbours_in_tree(joint, neighbours + 1)[1]
    offsets = joint[index] - joint[:, None, :]
    straight = _log_volume(offsets)
    centred = offsets - offsets.mean(axis=1, keepdims=True)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    gain = straight - _log_volume(offsets @ axes.transpose(0, 2, 1))
    return np.where(gain > -np.log(threshold), gain, 0.0)


def _log_volume(offsets: Float[np.ndarray, "n k d"]) -> Float[np.ndarray, " n"]:
    """log of the volume of the axis-parallel box round these offsets, up to a constant; never -inf."""
    return np.log(np.maximum(np.abs(offsets).max(axis=1), np.finfo(np.float64).tiny)).sum(axis=1)
