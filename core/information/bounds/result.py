"""What a bound returns: a number of nats, the most it can ever say, and its terms."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import InputError

Kind = Literal["estimate", "lower bound", "upper bound"]


@dataclass(frozen=True, eq=False)
class Bound:
    """A bound evaluated on one batch of scores.

    `value` is differentiable and equals the mean of `terms`, one per query. `objective` is what training
    maximises; it differs from `value` only where the published gradient does (MINE, Jensen-Shannon, SMILE).
    `ceiling` is the largest value the bound can express however good the critic, or None.
    """

    name: str
    kind: Kind
    value: Float[Tensor, ""]
    ceiling: float | None
    terms: Float[Tensor, " n"]
    objective: Float[Tensor, ""]

    def __float__(self) -> float:
        return float(self.value.detach())


def bound(
    name: str,
    kind: Kind,
    terms: Float[Tensor, " n"],
    ceiling: float | None,
    objective: Float[Tensor, ""] | None = None,
) -> Bound:
    """The mean of the terms as a `Bound`; a number that is not finite is an error, never a result.

    On an accelerator the check would force a synchronisation, so there the training loop makes it.
    """
    value = terms.mean()
    if value.device.type == "cpu" and not torch.isfinite(value.detach()):
        raise InputError(
            f"{name} needs scores whose exponential can be summed, but its value is {float(value.detach())}: "
            "look for NaN or infinite scores, or use infonce or smile, which scores of any size suit"
        )
    return Bound(name, kind, value, ceiling, terms, value if objective is None else objective)
