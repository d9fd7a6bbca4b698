"""A critic that starts as an elliptical log density ratio and learns to bend its axes.

The untrained critic is the exact log ratio of the fitted Gaussian or Student copula. Training moves each canonical
variate by a small network, so that dependence behind a non-linear map is learned with few parameters. An
`unconstrained` critic also adds an inner product of two networks, which can learn a ratio of any shape from more data.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from core.information.estimators.critics import network
from core.information.estimators.gaussian import canonical, noise_edge, normal_scores
from core.information.estimators.samples import SamplePairs, ranks_of
from core.information.estimators.student import fit_scatter, quantiles
from core.information.estimators.typed_scipy import Array

FAINT = 0.1
"""Starting correlation of the spare axes, on which the training data show nothing."""
UNCONSTRAINED_WIDTH = 16
"""Width of the inner product that an unconstrained critic adds."""


def single(values: Array) -> Tensor:
    """A float32 tensor of these numbers."""
    return torch.as_tensor(values.astype(np.float32))


class CriticInput(NamedTuple):
    """The samples of a variable twice: as Student scores (`base`) and as normal scores (`smooth`)."""

    base: Tensor
    smooth: Tensor

    def take(self, rows: Tensor) -> "CriticInput":
        """The same variable for some samples only."""
        return CriticInput(self.base[rows], self.smooth[rows])


class Axes(nn.Module):
    """Canonical variates of one side: linear, turned by the radius, and bent by a small network."""

    def __init__(self, directions: Array, hidden: int) -> None:
        super().__init__()
        count, dims = directions.shape
        self.linear = nn.Parameter(single(directions))
        self.turned = nn.Parameter(torch.zeros(count, dims))
        self.project = nn.Linear(dims, 2 * count)
        self.inner = nn.Linear(2 * count + 1, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, count + 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        with torch.no_grad():
            self.project.weight[:count] = self.linear

    def forward(self, base: Tensor, smooth: Tensor) -> tuple[Tensor, Tensor]:
        """Variates (n x k) and a term of this side alone (n), from base coordinates and normal scores."""
        dims = smooth.shape[1]
        radius = (smooth.square().mean(1, keepdim=True).sqrt() - 1) * math.sqrt(dims)
        features = torch.cat([self.project(smooth), radius], dim=1)
        bent = self.outer(silu(self.middle(silu(self.inner(features)))))
        variates = base @ self.linear.T + radius * (smooth @ self.turned.T) + bent[:, :-1]
        return variates, bent[:, -1]


class EllipticalCritic(nn.Module):
    """log p(x, y) / (p(x) p(y)) in nats of an elliptical law, for all pairs of n samples, [n, n].

    f = -(v + d)/2 log(1 + q_xy / v) + (v + dx)/2 log(1 + q_x / v) + (v + dy)/2 log(1 + q_y / v) - 1/2 log det + const,
    with squared norms q and v degrees of freedom; for infinite v it is the quadratic form of a Gaussian.
    """

    def __init__(self, x: Array, y: Array, degrees: float, hidden: int = 64, most_axes: int = 8) -> None:
        super().__init__()
        n, self.dx, self.dy, self.degrees = len(x), x.shape[1], y.shape[1], degrees
        pairing = canonical(fit_scatter(np.hstack([x, y]), degrees), self.dx)
        seen = int((pairing.correlations > noise_edge(n, self.dx, self.dy)).sum())
        axes = min(max(seen + 2, 2), max(most_axes, seen), self.dx, self.dy)
        correlations = np.where(np.arange(axes) < seen, pairing.correlations[:axes], FAINT)
        self.white_x = nn.Buffer(single(pairing.a))
        self.white_y = nn.Buffer(single(pairing.b))
        self.axes_x, self.axes_y = Axes(pairing.a[:axes], hidden), Axes(pairing.b[:axes], hidden)
        self.strength = nn.Parameter(single(np.arctanh(np.clip(correlations, 0, 0.995))))
        self.seen = seen
        self.unconstrained = False
        self.unconstrained_x, self.unconstrained_y = (
            network(self.dx, UNCONSTRAINED_WIDTH),
            network(self.dy, UNCONSTRAINED_WIDTH),
        )
        for value in self.unconstrained_x[-1].parameters():
            nn.init.zeros_(value)

    def forward(self, x: CriticInput, y: CriticInput) -> Float[Tensor, "n n"]:
        """Scores of every x against every y."""
        u, alone_x = self.axes_x(x.base, x.smooth)
        v, alone_y = self.axes_y(y.base, y.smooth)
        rho = torch.tanh(self.strength)
        keep = 1 - rho.square()
        cross = (u * (-2 * rho / keep)) @ v.T
        weights = rho.square() / keep
        quadratic = cross + (u.square() @ weights)[:, None] + (v.square() @ weights)
        ratio = self._ratio(quadratic, x.base, y.base) - 0.5 * keep.log().sum()
        bent = ratio + alone_x[:, None] + alone_y
        return (
            bent + self.unconstrained_x(x.smooth) @ self.unconstrained_y(y.smooth).T
            if self.unconstrained
            else bent
        )

    def _ratio(self, quadratic: Tensor, x: Tensor, y: Tensor) -> Tensor:
        if math.isinf(self.degrees):
            return -0.5 * quadratic
        v, dx, dy = self.degrees, self.dx, self.dy
        norm_x = (x @ self.white_x.T).square().sum(1)
        norm_y = (y @ self.white_y.T).square().sum(1)
        joint = (norm_x[:, None] + norm_y + quadratic).clamp(min=0)
        constant = math.lgamma((v + dx + dy) / 2) + math.lgamma(v / 2)
        constant -= math.lgamma((v + dx) / 2) + math.lgamma((v + dy) / 2)
        alone = (v + dx) / 2 * torch.log1p(norm_x / v)[:, None] + (v + dy) / 2 * torch.log1p(norm_y / v)
        return alone - (v + dx + dy) / 2 * torch.log1p(joint / v) + constant


def critic_inputs(pairs: SamplePairs, degrees: float) -> tuple[CriticInput, CriticInput]:
    """Both variables as inputs of a critic with these degrees of freedom."""
    x, y = (
        CriticInput(single(quantiles(ranks_of(v), degrees)), single(normal_scores(v)))
        for v in (pairs.x, pairs.y)
    )
    return x, y
