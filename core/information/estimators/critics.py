# pyright: reportUnknownMemberType=false
"""Critics: networks that score every x of a batch against every y."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import InputError
from core.information import bounds

Shape = Literal["separable", "concatenated", "hybrid"]
BOUNDS: dict[str, Callable[["Critic", Tensor, Tensor], bounds.Bound]] = {
    "infonce": lambda critic, x, y: bounds.infonce(critic.scores(x, y)),
    "mlcpc": lambda critic, x, y: bounds.mlcpc(critic.scores(x, y)),
    "dv": lambda critic, x, y: bounds.donsker_varadhan(critic.scores(x, y)),
    "mine": lambda critic, x, y: critic.mine(x, y),
    "nwj": lambda critic, x, y: bounds.nwj(critic.scores(x, y).clamp(max=60)),
    "js": lambda critic, x, y: bounds.jensen_shannon(critic.scores(x, y).clamp(max=60)),
    "smile": lambda critic, x, y: bounds.smile(critic.scores(x, y)),
    "tuba": lambda critic, x, y: bounds.tuba(critic.scores(x, y), critic.alone(x)),
    "interpolated": lambda critic, x, y: bounds.interpolated(critic.scores(x, y), critic.alone(x), 0.5),
    "flo": lambda critic, x, y: bounds.flo(critic.scores(x, y), critic.together(x, y)),
}
"""The bounds that a critic can be trained with; scores of NWJ are capped where exp would overflow."""


def network(inputs: int, outputs: int, hidden: int = 64) -> nn.Sequential:
    """A network with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, outputs)
    )


class Critic(nn.Module):
    """Networks for scores f(x_i, y_j), for a baseline of x alone, and for a second head on pairs.

    The score of a separable critic is g(x) . h(y), cheap for many negatives. A concatenated critic is a network of
    (x, y), with n^2 passes. A hybrid critic is a small network of (g(x), h(y)).
    """

    def __init__(self, dx: int, dy: int, shape: Shape = "separable", width: int = 16) -> None:
        super().__init__()
        if shape not in ("separable", "concatenated", "hybrid"):
            raise InputError(f"critic must be separable, concatenated or hybrid, got {shape!r}")
        self.shape = shape
        direct = shape == "concatenated"
        self.of_x = nn.Identity() if direct else network(dx, width)
        self.of_y = nn.Identity() if direct else network(dy, width)
        self.joint = None if shape == "separable" else network(dx + dy if direct else 2 * width, 1)
        self.baseline = network(dx, 1)
        self.second = network(dx + dy, 1)
        self.log_running_mean: Tensor | None = None

    def scores(self, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"]) -> Float[Tensor, "n n"]:
        """Scores of every x against every y."""
        g, h = self.of_x(x), self.of_y(y)
        if self.joint is None:
            return g @ h.T
        return torch.cat([self._rows(rows, h) for rows in torch.split(g, 64)])

    def _rows(self, rows: Tensor, h: Tensor) -> Tensor:
        assert self.joint is not None
        left = rows[:, None].expand(-1, len(h), -1)
        right = h[None].expand(len(rows), -1, -1)
        return self.joint(torch.cat([left, right], dim=2))[:, :, 0]

    def alone(self, x: Float[Tensor, "n dx"]) -> Float[Tensor, " n"]:
        """The log baseline of TUBA and the interpolated bound."""
        return self.baseline(x)[:, 0]

    def together(self, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"]) -> Float[Tensor, " n"]:
        """The second head u of FLO."""
        return self.second(torch.cat([x, y], dim=1))[:, 0]

    def mine(self, x: Tensor, y: Tensor) -> bounds.Bound:
        """The bound MINE; while training, the running mean is carried from call to call."""
        if not self.training:
            return bounds.donsker_varadhan(self.scores(x, y))
        result = bounds.mine(self.scores(x, y), self.log_running_mean, rate=0.1)
        self.log_running_mean = result.log_running_mean
        return result
