"""One matrix, looked up and predicted with: losses and gradients are those of autograd."""

import pytest
import torch
from torch.nn.functional import cross_entropy, embedding

from core.model.vocabulary import embedding_lookup, linear_cross_entropy

IDS = torch.tensor([3, 0, 3, 7])
TARGETS = torch.tensor([1, 3, 3, 9, 0])


def parts(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (10, 4), "bias": (10,), "mix": (4, 4)}
    weights = {
        name: torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for name, shape in shapes.items()
    }
    return weights, torch.randn((5, 4), generator=generator, dtype=dtype).requires_grad_()


def gradients(use, dtype=torch.float64, uses=1):
    """A loss that looks tokens up, mixes them, and predicts with the same matrix, `uses` times; and its gradients."""
    weights, states = parts(dtype)
    for number in range(uses):
        loss = use(weights, states, 1.0 + number)
        loss.backward()
    return loss.detach(), {name: tensor.grad for name, tensor in weights.items()} | {"states": states.grad}


def plain(weights, states, scale):
    words = embedding(IDS, weights["weight"]) @ weights["mix"]
    losses = cross_entropy(states @ weights["weight"].T + weights["bias"], TARGETS, reduction="none")
    return (scale * losses * torch.arange(1.0, 6.0)).sum() + words.pow(2).sum()


def ours(rows):
    def use(weights, states, scale):
        words = embedding_lookup(weights["weight"], IDS) @ weights["mix"]
        losses = linear_cross_entropy(states, weights["weight"], weights["bias"], TARGETS, rows)
        return (scale * losses * torch.arange(1.0, 6.0)).sum() + words.pow(2).sum()

    return use


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
@pytest.mark.parametrize("uses", [1, 3])
def test_loss_and_gradients_equal_those_of_autograd(rows, uses):
    loss, gradients_of_ours = gradients(ours(rows), uses=uses)
    expected_loss, expected = gradients(plain, uses=uses)
    torch.testing.assert_close(loss, expected_loss, atol=1e-12, rtol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(gradients_of_ours[name], gradient, atol=1e-10, rtol=0)


def test_large_logits_do_not_overflow():
    states, weight = torch.full((1, 1), 1e4), torch.tensor([[1.0], [0.5]])
    losses = linear_cross_entropy(states, weight, torch.zeros(2), torch.tensor([1]), 1)
    assert losses.tolist() == [5e3]


@pytest.mark.parametrize("rows", [2, 100])
def test_under_autocast_products_are_bfloat16_and_gradients_float32(rows):
    with torch.autocast("cpu", torch.bfloat16):
        loss, gradients_of_ours = gradients(ours(rows), torch.float32)
    _, expected = gradients(plain, torch.float32)
    assert loss.dtype == torch.float32
    for name, gradient in expected.items():
        assert gradients_of_ours[name].dtype == torch.float32
        # eight bits of mantissa
        torch.testing.assert_close(
            gradients_of_ours[name], gradient, atol=0.1 * float(gradient.abs().max()), rtol=0
        )


def test_the_same_tokens_give_the_same_gradient_to_the_bit_on_several_threads():
    weight, ids = torch.randn(50, 256, requires_grad=True), torch.randint(0, 40, (8_000,))
    above, results, threads = torch.randn(8_000, 256), [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in range(4):
            weight.grad = None
            embedding_lookup(weight, ids).backward(above)
            results.append(weight.grad)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(each, results[0]) for each in results)


def test_no_gradient_as_large_as_the_matrix_is_made_when_there_is_one_already():
    weights, states = parts()
    ours(2)(weights, states, 1.0).backward()
    before = weights["weight"].grad.data_ptr()
    ours(2)(weights, states, 1.0).backward()
    assert weights["weight"].grad.data_ptr() == before


@pytest.mark.parametrize("rows", [2, 100])
def test_a_frozen_matrix_lets_gradients_through_and_gets_none(rows):
    weights, states = parts()
    for name in ("weight", "bias"):
        weights[name].requires_grad_(False)
    ours(rows)(weights, states, 1.0).backward()
    theirs, expected = parts()
    plain(theirs, expected, 1.0).backward()
    torch.testing.assert_close(states.grad, expected.grad, atol=1e-10, rtol=0)
    torch.testing.assert_close(weights["mix"].grad, theirs["mix"].grad, atol=1e-10, rtol=0)
    assert weights["weight"].grad is None
    assert weights["bias"].grad is None


@pytest.mark.parametrize("rows", [2, 100])
def test_without_gradients_the_losses_are_the_same(rows):
    weights, states = parts()
    with torch.no_grad():
        loss = ours(rows)(weights, states, 1.0)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, plain(weights, states, 1.0).detach(), atol=1e-12, rtol=0)


def test_without_masked_tokens_there_is_nothing_to_lose():
    weights, states = parts()
    losses = linear_cross_entropy(states[:0], weights["weight"], weights["bias"], TARGETS[:0], 2)
    losses.sum().backward()
    assert losses.shape == (0,)
    assert not weights["weight"].grad.any()
