"""The embedding matrix of XLM-R, used twice: to look tokens up, and to predict tokens.

Autograd would build a gradient as large as the matrix for every use, and add them up: 768 MB each for XLM-R base,
written and read many times a step. Here each use adds its share to `.grad` in place. So `backward()` does what it
always does, but `torch.autograd.grad` and hooks on gradients do not see this matrix.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding, linear


def embedding_lookup(
    weight: Float[Tensor, "vocabulary hidden"], ids: Int[Tensor, " tokens"]
) -> Float[Tensor, "tokens hidden"]:
    """Embeddings of tokens; the backward pass adds the gradient to `weight.grad` in place.

    Args:
        weight: the embedding matrix.
        ids: of the tokens.
    """
    return _LookUp.apply(weight, ids)  # pyright: ignore[reportReturnType]


def linear_cross_entropy(
    states: Float[Tensor, "masked hidden"],
    weight: Float[Tensor, "vocabulary hidden"],
    bias: Float[Tensor, " vocabulary"],
    targets: Int[Tensor, " masked"],
    rows: int,
) -> Float[Tensor, " masked"]:
    """Cross-entropy in nats of each target among all tokens: -log softmax(states @ weight.T + bias)[target].

    Logits of at most `rows` states are held at once. With more states the backward pass computes the logits again;
    otherwise the forward pass keeps their softmax for it. The backward pass adds the gradients to `weight.grad` and
    `bias.grad` in place.

    Args:
        states: features of the masked tokens.
        weight: the embedding matrix.
        bias: of the tokens.
        targets: true ids.
        rows: largest number of states whose logits are held at once.
    """
    return _Predict.apply(states, weight, bias, targets, rows)  # pyright: ignore[reportReturnType]


def candidate_cross_entropy(
    states: Float[Tensor, "masked hidden"],
    weight: Float[Tensor, "vocabulary hidden"],
    bias: Float[Tensor, " vocabulary"],
    targets: Int[Tensor, " masked"],
    candidates: Int[Tensor, " candidates"],
    rows: int,
) -> Float[Tensor, " masked"]:
    """Cross-entropy in nats of each target among the candidates; other tokens get no gradient.

    The value is at most that of `linear_cross_entropy`, and equal with all tokens as candidates.

    Args:
        states: features of the masked tokens.
        weight: the embedding matrix.
        bias: of the tokens.
        targets: true ids.
        candidates: distinct ids, sorted; all targets are among them.
        rows: largest number of states whose logits are held at once.
    """
    return _PredictAmong.apply(states, weight, bias, targets, candidates, rows)  # pyright: ignore[reportReturnType]


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor) -> Tensor:
        ctx.weight, ctx.ids = weight, ids
        return embedding(ids, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None]:
        if ctx.weight.grad is None:
            ctx.weight.grad = torch.zeros_like(ctx.weight)
        # summed by token first: adding to one row from several threads would round differently from run to run
        tokens, places = ctx.ids.unique(return_inverse=True)
        sums = ctx.weight.new_zeros(len(tokens), ctx.weight.shape[1])
        ctx.weight.grad[tokens] += sums.index_add_(0, places, grads[0].to(sums.dtype))
        return None, None


class _Predict(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, rows: int) -> Tensor:
        _remember(ctx, states, weight, bias, rows)
        ctx.save_for_backward(states, targets)
        return _losses(ctx, states, weight.to(ctx.dtype), bias, targets)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        states, targets = ctx.saved_tensors
        matrix, back = ctx.weight.to(ctx.dtype), torch.empty_like(states)
        for part, error, out in _errors(ctx, (states, targets, grads[0], back), matrix, ctx.bias):
            if ctx.needs_input_grad[2]:
                _add(ctx.bias, error.sum(0))
            rounded = error.to(ctx.dtype)
            out.copy_(rounded @ matrix)
            if ctx.needs_input_grad[1]:
                _add_product(ctx.weight, rounded.T, part.to(ctx.dtype))
        return back, None, None, None, None


class _PredictAmong(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, candidates: Tensor, rows: int
    ) -> Tensor:
        _remember(ctx, states, weight, bias, rows)
        places = torch.searchsorted(candidates, targets)
        ctx.save_for_backward(states, places, candidates)
        return _losses(ctx, states, weight[candidates].to(ctx.dtype), bias[candidates], places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        states, places, candidates = ctx.saved_tensors
        matrix, bias = ctx.weight[candidates].to(ctx.dtype), ctx.bias[candidates]
        back, of_rows = torch.empty_like(states), torch.zeros_like(matrix)
        for part, error, out in _errors(ctx, (states, places, grads[0], back), matrix, bias):
            if ctx.needs_input_grad[2]:
                _add_rows(ctx.bias, candidates, error.sum(0))
            rounded = error.to(ctx.dtype)
            out.copy_(rounded @ matrix)
            of_rows.addmm_(rounded.T, part.to(ctx.dtype))
        if ctx.needs_input_grad[1]:
            _add_rows(ctx.weight, candidates, of_rows)
        return back, None, None, None, None, None


def _remember(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, rows: int) -> None:
    device = states.device.type
    ctx.dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    ctx.weight, ctx.bias, ctx.rows, ctx.softmax = weight, bias, rows, None


def _losses(ctx: Any, states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropies, `ctx.rows` states at a time; the softmax of few states is left in `ctx.softmax`."""
    if len(states) <= ctx.rows:
        ctx.softmax, losses = _softmax(states, matrix, bias, targets)
        return losses
    parts = zip(states.split(ctx.rows), targets.split(ctx.rows), strict=True)
    return torch.cat([_softmax(part, matrix, bias, wanted)[1] for part, wanted in parts])


def _errors(
    ctx: Any, tensors: tuple[Tensor, ...], matrix: Tensor, bias: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Some states, the gradient of the loss at their logits, and where their own gradient belongs.

    The tensors are states, targets, gradients of the losses, and the gradient of the states, which the caller fills.
    """
    for part, wanted, scale, out in zip(*(tensor.split(ctx.rows) for tensor in tensors), strict=True):
        error, ctx.softmax = ctx.softmax, None
        if error is None:
            error, _ = _softmax(part, matrix, bias, wanted)
        error[torch.arange(len(part), device=part.device), wanted] -= 1
        error *= scale[:, None]
        yield part, error, out


def _softmax(states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities, written over the logits, and cross-entropies in nats."""
    logits = linear(states.to(matrix.dtype), matrix, bias.to(matrix.dtype))
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logits -= logits.amax(1, keepdim=True)
    target_logits = logits.gather(1, targets[:, None])[:, 0]
    total = logits.exp_().sum(1, keepdim=True)
    return logits.div_(total), total[:, 0].log() - target_logits


def _add(parameter: Tensor, gradient: Tensor) -> None:
    if parameter.grad is None:
        parameter.grad = gradient.to(parameter.dtype)
    else:
        parameter.grad += gradient


def _add_product(parameter: Tensor, left: Tensor, right: Tensor) -> None:
    if parameter.grad is None or parameter.dtype != left.dtype:
        _add(parameter, left @ right)
    else:
        parameter.grad.addmm_(left, right)


def _add_rows(parameter: Tensor, rows: Tensor, gradient: Tensor) -> None:
    """Adds to some rows of a gradient, each of which is named once."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    parameter.grad[rows] += gradient.to(parameter.dtype)
