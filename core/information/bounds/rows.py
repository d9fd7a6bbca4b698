"""A score matrix read row by row: whole, or in blocks where it does not fit into memory.

Every bound depends on a row only through the score of its positive and a sum over its negatives. So the whole matrix
is never needed at once: `Blocks` computes some rows, reduces them and, in the backward pass, computes them again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint  # pyright: ignore[reportUnknownVariableType]

from core.errors import InputError
from core.information.bounds.result import Kind


@dataclass(frozen=True)
class Blocks:
    """Scores computed on demand: `rows(start, stop)` returns rows start to stop of the score matrix.

    Example:
        >>> keys = torch.eye(4, dtype=torch.float64)
        >>> blocks = Blocks(lambda start, stop: keys[start:stop] @ keys.T, num_rows=4, block=2)
        >>> [tuple(part.shape) for part in blocks.parts()]
        [(2, 4), (2, 4)]
    """

    rows: Callable[[int, int], Tensor]
    num_rows: int
    block: int = 1024

    def spans(self) -> list[tuple[int, int]]:
        """Start and stop of every block."""
        starts = range(0, self.num_rows, self.block)
        return [(start, min(start + self.block, self.num_rows)) for start in starts]

    def parts(self) -> list[Tensor]:
        """All blocks of the score matrix, for tests."""
        return [self.rows(start, stop) for start, stop in self.spans()]


Scores = Float[Tensor, "n m"] | Blocks
Positive = Int[Tensor, " n"] | None
Excluded = Bool[Tensor, "n m"] | None
Reduction = Callable[[Tensor, Tensor, slice], Tensor]
"""Maps the scores of some rows, the mask of their negatives and the slice of the rows to one number per row."""


class RowScores(NamedTuple):
    """Per row: the positive's score, a reduction of the negatives, and how many negatives there are."""

    positive: Float[Tensor, " n"]
    negatives: Float[Tensor, " n"]
    num_negatives: Float[Tensor, " n"]


def kind_of(excluded: Excluded) -> Kind:
    """The kind of a contrastive bound: "lower bound", or "estimate" where candidates are left out.

    A bound needs negatives that are drawn from their marginal independently of the query. Without the candidates of
    the query's meaning the question is easier: with two meanings and many candidates the value exceeds log 2.
    """
    return "lower bound" if excluded is None else "estimate"


def rows_of(
    scores: Scores,
    positive: Positive = None,
    excluded: Excluded = None,
    reduce: Reduction | None = None,
) -> RowScores:
    """Score of the positive, reduction of the negatives and number of negatives of each row.

    Args:
        scores: n queries by m candidates, or `Blocks`.
        positive: column of the positive of each row, which is never excluded; default: column i.
        excluded: True for candidates that must not count.
        reduce: maps a block, the mask of its negatives and the slice of its rows to one number per row; default: log
            of the sum of exponentials.

    Raises:
        InputError: scores are integers, a row has no positive, or there are fewer than two candidates.
    """
    reduction = log_sum_exp if reduce is None else reduce

    def part(block: Tensor, start: int, stop: int) -> RowScores:
        return _part(block, (start, stop), positive, excluded, reduction)

    if isinstance(scores, Tensor):
        return part(scores, 0, scores.shape[0])

    def computed(start: int, stop: int) -> RowScores:
        return part(scores.rows(start, stop), start, stop)

    parts = [_checkpointed(computed, start, stop) for start, stop in scores.spans()]
    return RowScores(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _checkpointed(computed: Callable[[int, int], RowScores], start: int, stop: int) -> RowScores:
    if not torch.is_grad_enabled():
        return computed(start, stop)
    return RowScores(*checkpoint(computed, start, stop, use_reentrant=False))  # pyright: ignore[reportGeneralTypeIssues]


def _part(
    block: Tensor,
    span: tuple[int, int],
    positive: Positive,
    excluded: Excluded,
    reduce: Reduction,
) -> RowScores:
    block = _checked(block, span, positive)
    start, stop = span
    column = torch.arange(start, stop, device=block.device) if positive is None else positive[start:stop]
    is_negative = torch.ones_like(block, dtype=torch.bool).scatter_(1, column[:, None], False)
    if excluded is not None:
        is_negative = is_negative & ~excluded[start:stop]
    positives = block.gather(1, column[:, None])[:, 0]
    reduced = reduce(block, is_negative, slice(start, stop))
    return RowScores(positives, reduced, is_negative.sum(1).to(block.dtype))


def _checked(block: Tensor, span: tuple[int, int], positive: Positive) -> Tensor:
    if not block.is_floating_point():
        raise InputError(f"scores must be floating point, but came as {block.dtype}: call .double() on them")
    if positive is None and block.shape[1] < span[1]:
        raise InputError(
            f"row i has its positive in column i, but {span[1]} rows met {block.shape[1]} columns: "
            "pass positive= with the column of each row"
        )
    if block.shape[1] < 2:
        raise InputError("a bound needs at least 2 candidates per query, but 1 came: use a larger batch")
    half = block.dtype in (torch.float16, torch.bfloat16)
    return block.float() if half else block


def log_sum_exp(scores: Tensor, is_negative: Tensor, rows: slice | None = None) -> Tensor:
    """log of the sum of exp over the negatives of each row; -inf with gradient 0 for a row without negatives."""
    lowest = torch.finfo(scores.dtype).min
    masked = torch.where(is_negative, scores, torch.full_like(scores, lowest))
    total = masked.logsumexp(1)
    return torch.where(is_negative.any(1), total, torch.full_like(total, -torch.inf))


def log_sums_without(scores: Float[Tensor, "n m"], is_candidate: Bool[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """For each column, log of the sum of exp over the other candidates of the row; a row needs two candidates.

    The largest candidate is left out of the sum instead of being subtracted from it, so that no digits are lost.
    """
    lowest = torch.finfo(scores.dtype).min
    masked = torch.where(is_candidate, scores, torch.full_like(scores, lowest))
    top = masked.argmax(1, keepdim=True)
    rest = masked.scatter(1, top, lowest).logsumexp(1, keepdim=True)
    total = torch.logaddexp(masked.gather(1, top), rest)
    is_top = torch.zeros_like(is_candidate).scatter(1, top, True)
    # a candidate that is not the largest is at most half of the sum
    share = torch.where(is_candidate & ~is_top, scores - total, torch.full_like(scores, lowest)).exp()
    return torch.where(is_top, rest, total + torch.log1p(-share))


def log_mean(rows: RowScores) -> Float[Tensor, ""]:
    """log of the mean of exp over all negatives of the matrix, from rows reduced by `log_sum_exp`."""
    return rows.negatives.logsumexp(0) - rows.num_negatives.sum().log()


def log_row_means(rows: RowScores) -> Float[Tensor, " n"]:
    """log of the mean of exp over each row's negatives, from rows reduced by `log_sum_exp`."""
    return rows.negatives - rows.num_negatives.log()
