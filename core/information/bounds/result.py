"""The result of a bound: its value in nats, its ceiling and its terms."""

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

    Attributes:
        name: of the bound.
        kind: whether the value bounds the information in expectation, and from which side.
        value: in nats, with gradient; the mean of `terms`.
        ceiling: largest value in nats that the bound can have, however good the critic; None without limit.
        terms: in nats, one per query.
        objective: what training maximises; differs from `value` only where the published gradient does (MINE,
            Jensen-Shannon, SMILE).
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
    """The mean of the terms as a `Bound`.

    Raises:
        InputError: the value is not finite. On an accelerator this check would force a synchronisation, so there it
            is left to the training loop.
    """
    value = terms.mean()
    if value.device.type == "cpu" and not torch.isfinite(value.detach()):
        raise InputError(
            f"{name} needs scores whose exponential can be summed, but its value is {float(value.detach())}: "
            "look for NaN or infinite scores, or use infonce or smile, which scores of any size suit"
        )
    return Bound(name, kind, value, ceiling, terms, value if objective is None else objective)
