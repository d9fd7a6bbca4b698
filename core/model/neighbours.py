"""Nearest neighbours of tokens: the part of the vocabulary that k-NN target sampling predicts among."""

from collections.abc import Iterable
from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.model.size import check_fits

CHUNK_PRODUCTS: Final = 2**26
"""Inner products held at once, 256 MiB in float32."""


class Neighbours(nn.Module):
    """The tokens whose output embeddings have the largest inner products with each token's (Zheng et al. 2021).

    I_k(w) = top-k of v_w . v_w' over all w'. A short vector need not be its own neighbour, so a token always counts
    as one of its own. The search runs before the first step and again every so many. In between the table stands
    still, and a checkpoint holds it, so that a resumed run goes on with the same.

    Args:
        vocabulary: tokens.
        count: neighbours of each, at most all tokens.
        refresh: steps between two searches.
    """

    table: Tensor
    steps: Tensor

    def __init__(self, vocabulary: int, count: int, refresh: int) -> None:
        super().__init__()
        self.count, self.refresh = min(count, vocabulary), refresh
        check_fits(vocabulary * self.count, f"a table of {self.count:,} neighbours of {vocabulary:,} tokens")
        self.register_buffer("table", torch.zeros(vocabulary, self.count, dtype=torch.int32))
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

    @torch.no_grad()
    def search(self, weight: Float[Tensor, "vocabulary hidden"]) -> None:
        """Finds the neighbours anew, in time that grows with the square of the vocabulary."""
        rows = max(1, CHUNK_PRODUCTS // len(weight))
        # nearness is not left to the rounding of bfloat16
        with torch.autocast(weight.device.type, enabled=False):
            for begin in range(0, len(weight), rows):
                products = weight[begin : begin + rows] @ weight.T
                self.table[begin : begin + rows] = products.topk(self.count, dim=1).indices

    def step_done(
        self, weight: Float[Tensor, "vocabulary hidden"], others: Iterable["Neighbours"] = ()
    ) -> None:
        """Counts a step of the optimizer, and searches after every so many, as `search_beside` does."""
        self.steps += 1
        if int(self.steps) % self.refresh == 0:
            self.search_beside(weight, others)

    def search_beside(
        self, weight: Float[Tensor, "vocabulary hidden"], others: Iterable["Neighbours"]
    ) -> None:
        """Finds the neighbours anew, or copies the table of another one that was searched after the same step.

        Args:
            weight: the output embeddings.
            others: of the same embeddings; their steps have been counted already.
        """
        for each in others:
            if (each.count, each.refresh) == (self.count, self.refresh) and torch.equal(
                each.steps, self.steps
            ):
                self.table.copy_(each.table)
                return
        self.search(weight)

    def of(self, targets: Int[Tensor, " targets"]) -> Int[Tensor, " candidates"]:
        """The targets with all their neighbours, sorted, each once."""
        distinct = targets.unique()
        return torch.cat([distinct, self.table[distinct].flatten().long()]).unique()
