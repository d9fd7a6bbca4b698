"""How far a mean contrast loss hangs on each meaning: the jackknife that leaves it out as query and as candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

FEWEST_GROUPS: Final = 30
"""Groups of queries with candidates of their own from which their spread tells the variance."""
BLOCK: Final = 64
LARGEST: Final = 600.0
"""How far a score may lie above the positive's: its exponential can still be summed."""


@dataclass(frozen=True)
class Losses:
    """Contrast losses of one direction, in nats.

    `loss` [groups, queries of a group]; `meanings` [candidates]: the meanings used, in each group first the queries';
    `is_query` [candidates]: whether a query has the meaning; `change` [candidates]: how much the mean loss changes
    without the meaning.
    """

    share: float
    loss: np.ndarray
    meanings: np.ndarray
    is_query: np.ndarray
    change: np.ndarray


@torch.no_grad()
def left_out(queries: Tensor, keys: Tensor) -> np.ndarray:
    """Change of the mean loss when each meaning is left out, row and column, [keys].

    Row i of the keys is the translation of row i of the queries; further keys are candidates only. The candidates
    that remain stand for as many as there were, so that only what is special about a meaning counts.
    """
    rows, count = len(queries), len(keys)
    stands_for = (count - 1) / max(1, count - 2)
    total, without = 0.0, torch.zeros(count, dtype=torch.float64)
    for begin in range(0, rows, BLOCK):
        queries_of_block = torch.arange(begin, min(begin + BLOCK, rows))
        at = torch.arange(len(queries_of_block))
        scores = (queries[queries_of_block] @ keys.T).double()
        ratio = (scores - scores[at, queries_of_block][:, None]).clamp(max=LARGEST).exp()
        ratio[at, queries_of_block] = 0.0
        # the largest is left out of the sum, not subtracted from it: nothing else may be left of the difference
        largest, top = ratio.max(1)
        rest = ratio.scatter(1, top[:, None], 0.0).sum(1)
        others = (rest + largest)[:, None] - ratio
        others[at, top] = rest
        loss = (stands_for * others.clamp(min=0.0)).log1p()
        loss[at, queries_of_block] = 0.0
        without += loss.sum(0)
        total += float((rest + largest).log1p().sum())
    remaining = torch.full((count,), float(rows))
    remaining[:rows] -= 1
    return (without / remaining.clamp(min=1) - total / rows).numpy()


@dataclass(frozen=True)
class MeanLoss:
    """A mean contrast loss over directions, in nats; the other arrays have an element for each of the `meanings`.

    `weight`: of the meaning's queries in the mean; `change`: of the mean without that meaning. `added`: what one more
    query would add that does as badly as the worst one seen, and at least one nat worse than guessing.
    """

    mean: float
    variance: float
    added: float
    meanings: np.ndarray
    weight: np.ndarray
    change: np.ndarray


def mean_loss(directions: Sequence[Losses], guess: float) -> MeanLoss:
    """The mean over directions, by their shares; `guess` is the loss of a guess, log(candidates).

    Its variance is the spread of the groups where there are `FEWEST_GROUPS` of them and all directions group the same
    meanings, which share no candidate; else the sum of squared changes, a jackknife over meanings whose candidates
    several queries share. The first is exact; the second tends to be too large with few candidates.
    """
    meanings, inverse = np.unique(
        np.concatenate([direction.meanings for direction in directions]), return_inverse=True
    )

    def by_meaning(values: list[np.ndarray]) -> np.ndarray:
        return np.bincount(inverse, np.concatenate(values), minlength=len(meanings))

    change = by_meaning([direction.share * direction.change for direction in directions])
    weight = by_meaning(
        [direction.share * direction.is_query / direction.loss.size for direction in directions]
    )
    loss = by_meaning([_placed(direction) for direction in directions])
    groups = _groups(directions)
    spread = len(groups) >= FEWEST_GROUPS
    variance = float(groups.var(ddof=1)) / len(groups) if spread else float((change**2).sum())
    added = max(float(loss.max()), (guess + 1) * float(weight.max()))
    return MeanLoss(float(loss.sum()), variance, added, meanings, weight, change)


def _placed(direction: Losses) -> np.ndarray:
    """Contribution of each candidate's own query to the mean, 0 where the candidate has none."""
    placed = np.zeros(len(direction.meanings))
    placed[direction.is_query] = direction.share * direction.loss.ravel() / direction.loss.size
    return placed


def _groups(directions: Sequence[Losses]) -> np.ndarray:
    """Mean loss of each group, [groups]; empty where directions do not group the same meanings."""
    meanings = directions[0].meanings
    if any(not np.array_equal(direction.meanings, meanings) for direction in directions):
        return np.zeros(0)
    return np.sum([direction.share * direction.loss.mean(1) for direction in directions], axis=0)
