"""The result of a pretext task on a batch."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Outcome:
    """The loss of a task on a batch, and the value of its bound there.

    Attributes:
        loss_sum: sum of the losses in nats, with gradient.
        count: how many losses were summed (masked tokens or sentence pairs).
        ceiling_sum: sum of the ceilings in nats; bound = (ceiling_sum - loss_sum - left_out_sum) / count.
        left_out_sum: nats that candidates which the loss leaves out would add to `loss_sum`. These candidates count
            in the bound: without them the question is easier, and its answer bounds nothing.
        share_sum: share of the vocabulary that the softmax runs over, summed over the losses; 0 for all of it.
        carry: tensors that the task gets back after the step.
    """

    loss_sum: Float[Tensor, ""]
    count: int
    ceiling_sum: float
    left_out_sum: float = 0.0
    share_sum: float = 0.0
    carry: tuple[Tensor, ...] = ()

    @property
    def loss(self) -> Float[Tensor, ""]:
        """Mean loss in nats, with gradient; 0 where nothing was counted."""
        return self.loss_sum / max(1, self.count)

    @property
    def ceiling_nats(self) -> float:
        """Mean ceiling in nats: the largest value of the bound, however good the model."""
        return self.ceiling_sum / max(1, self.count)

    @property
    def bound_nats(self) -> float:
        """Value in nats, on this batch, of a lower bound in expectation on the mutual information of the task."""
        return self.ceiling_nats - float(self.loss.detach()) - self.left_out_sum / max(1, self.count)
