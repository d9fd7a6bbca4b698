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
    made = {
        name: torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for name, shape in shapes.items()
    }
    return made, torch.randn((5, 4), generator=generator, dtype=dtype).requires_grad_()


def gradients(use, dtype=torch.float64, uses=1):
    """Of a loss that looks tokens up, mixes them, and predicts with the same matrix, `uses` times over."""
    made, states = parts(dtype)
    for number in range(uses):
        loss = use(made, states, 1.0 + number)
        loss.backward()
    return loss.detach(), {name: tensor.grad for name, tensor in made.items()} | {"states": states.grad}


def plain(made, states, scale):
    words = embedding(IDS, made["weight"]) @ made["mix"]
    losses = cross_entropy(states @ made["weight"].T + made["bias"], TARGETS, reduction="none")
    return (scale * losses * torch.arange(1.0, 6.0)).sum() + words.pow(2).sum()


def ours(rows):
    def use(made, states, scale):
        words = embedding_lookup(made["weight"], IDS) @ made["mix"]
        losses = linear_cross_entropy(states, made["weight"], made["bias"], TARGETS, rows)
        return (scale * losses * torch.arange(1.0, 6.0)).sum() + words.pow(2).sum()

    return use


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
@pytest.mark.parametrize("uses", [1, 3])
def test_loss_and_gradients_equal_those_of_autograd(rows, uses):
    loss, found = gradients(ours(rows), uses=uses)
    expected_loss, expected = gradients(plain, uses=uses)
    torch.testing.assert_close(loss, expected_loss, atol=1e-12, rtol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-10, rtol=0)


def test_large_logits_do_not_overflow():
    states, weight = torch.full((1, 1), 1e4), torch.tensor([[1.0], [0.5]])
    losses = linear_cross_entropy(states, weight, torch.zeros(2), torch.tensor([1]), 1)
    assert losses.tolist() == [5e3]


@pytest.mark.parametrize("rows", [2, 100])
def test_under_autocast_products_are_bfloat16_and_gradients_float32(rows):
    with torch.autocast("cpu", torch.bfloat16):
        loss, found = gradients(ours(rows), torch.float32)
    _, expected = gradients(plain, torch.float32)
    assert loss.dtype == torch.float32
    for name, gradient in expected.items():
        assert found[name].dtype == torch.float32
        # eight bits of mantissa
        torch.testing.assert_close(found[name], gradient, atol=0.1 * float(gradient.abs().max()), rtol=0)


def test_the_same_tokens_give_the_same_gradient_to_the_bit_on_several_threads():
    weight, ids = torch.randn(50, 256, requires_grad=True), torch.randint(0, 40, (8_000,))
    above, found, threads = torch.randn(8_000, 256), [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in range(4):
            weight.grad = None
            embedding_lookup(weight, ids).backward(above)
            found.append(weight.grad)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(each, found[0]) for each in found)


def test_no_gradient_as_large_as_the_matrix_is_made_when_there_is_one_already():
    made, states = parts()
    ours(2)(made, states, 1.0).backward()
    before = made["weight"].grad.data_ptr()
    ours(2)(made, states, 1.0).backward()
    assert made["weight"].grad.data_ptr() == before


@pytest.mark.parametrize("rows", [2, 100])
def test_a_frozen_matrix_lets_gradients_through_and_gets_none(rows):
    made, states = parts()
    for name in ("weight", "bias"):
        made[name].requires_grad_(False)
    ours(rows)(made, states, 1.0).backward()
    theirs, expected = parts()
    plain(theirs, expected, 1.0).backward()
    torch.testing.assert_close(states.grad, expected.grad, atol=1e-10, rtol=0)
    torch.testing.assert_close(made["mix"].grad, theirs["mix"].grad, atol=1e-10, rtol=0)
    assert made["weight"].grad is None
    assert made["bias"].grad is None


@pytest.mark.parametrize("rows", [2, 100])
def test_without_gradients_the_losses_are_the_same(rows):
    made, states = parts()
    with torch.no_grad():
        loss = ours(rows)(made, states, 1.0)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, plain(made, states, 1.0).detach(), atol=1e-12, rtol=0)


def test_without_masked_tokens_there_is_nothing_to_lose():
    made, states = parts()
    losses = linear_cross_entropy(states[:0], made["weight"], made["bias"], TARGETS[:0], 2)
    losses.sum().backward()
    assert losses.shape == (0,)
    assert not made["weight"].grad.any()
