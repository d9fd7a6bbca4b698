# pyright: reportUnknownMemberType=false
"""Information as a difference of two entropies, each bounded by a normalising flow."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.information.estimators.classical import QUANTILE
from core.information.estimators.critics import network
from core.information.estimators.crossfit import Schedule, train_critic
from core.information.estimators.neural import SamplePart, SampleSplit, split_samples
from core.information.estimators.result import Estimate
from core.information.estimators.samples import SamplePairs


class Flow(nn.Module):
    """log q(y given context) of affine coupling layers over a standard normal, alternating halves of y.

    Without a context this is log q(y). A y of one dimension is shifted and scaled by functions of the context only.
    """

    def __init__(self, dims: int, context: int, layers: int = 4) -> None:
        super().__init__()
        masks = [(torch.arange(dims) + layer) % 2 == 0 for layer in range(layers)]
        self.masks = nn.Buffer(torch.stack(masks).float())
        self.networks = nn.ModuleList(network(dims + context, 2 * dims) for _ in range(layers))
        for part in self.networks:
            last = part.get_submodule("4")
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, y: Float[Tensor, "n dy"], context: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
        """Log density of each y given its context, in nats."""
        z, log_det = y, torch.zeros(len(y))
        for mask, part in zip(self.masks, self.networks, strict=True):
            shift, scale = part(torch.cat([z * mask, context], dim=1)).chunk(2, dim=1)
            scale = torch.tanh(scale / 3) * 3 * (1 - mask)
            z = z * scale.exp() + shift * (1 - mask)
            log_det = log_det + scale.sum(1)
        return log_det - 0.5 * z.square().sum(1) - y.shape[1] / 2 * math.log(2 * math.pi)


def by_flow(pairs: SamplePairs, seed: int = 0) -> Estimate:
    """Information in nats as H(y) - H(y given x), two cross-entropies of flows on samples they have not seen.

    I = mean log q(y given x) - mean log q(y). Each entropy is biased upwards, so the difference is an estimate and no
    bound; unlike contrastive bounds it has no ceiling log(n).

    Raises:
        InputError: there are fewer than 60 samples.

    Source: McAllester and Stratos 2020 (1811.04251), for the difference of entropies.
    """
    parts = split_samples(pairs, seed)
    dy, dx = pairs.y.shape[1], pairs.x.shape[1]
    conditional, marginal = _fitted(dy, dx, parts, seed), _fitted(dy, 0, parts, seed)
    with torch.no_grad():
        given_x = conditional(parts.test.y, parts.test.x)
        terms = (given_x - marginal(parts.test.y, parts.test.x[:, :0])).double()
    nats, error = float(terms.mean()), float(terms.std()) / math.sqrt(len(terms))
    low, high = nats - QUANTILE * error, nats + QUANTILE * error
    return Estimate(nats, low, high, "estimate", None, "flow", pairs.n, 0.0, pairs.warnings)


def _fitted(dims: int, context: int, parts: SampleSplit, seed: int) -> Flow:
    """A flow of y given the first `context` columns of x; only `seed` decides its weights and training."""

    def value(part: SamplePart) -> Tensor:
        return flow(part.y, part.x[:, :context]).mean()

    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(seed)
        flow = Flow(dims, context)

        def batch_loss() -> Tensor:
            rows = torch.randint(len(parts.fit.x), (min(256, len(parts.fit.x)),))
            return -value(SamplePart(parts.fit.x[rows], parts.fit.y[rows]))

        def held_out() -> float:
            with torch.no_grad():
                return float(value(parts.stop))

        train_critic(flow, batch_loss, held_out, Schedule(steps=600, rate=3e-3, decay=0.01))
    return flow
