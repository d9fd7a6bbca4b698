"""The contrast of micro-batches, in two passes."""

import pytest
import torch

from core.objectives.xlco import XLCO
from core.processes import Shard
from tests.core.small import model, pairs, settings

QUERY = {"keys": "query", "in_batch": True, "queue": 0}


def gradients(infoxlm, loss):
    infoxlm.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in infoxlm.named_parameters() if p.grad is not None}


def summed(infoxlm, batches, autocast=False):
    """Gradients of the sum of all losses, one micro-batch at a time, as training takes them."""
    infoxlm.zero_grad()
    shards = [Shard(batch.count) for batch in batches]
    parts = XLCO.of(infoxlm).outcomes(infoxlm, batches, shards, torch.manual_seed)
    for _ in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            outcome = next(parts)
        outcome.loss_sum.backward()
    return {name: p.grad.clone() for name, p in infoxlm.named_parameters() if p.grad is not None}


def test_dropout_is_the_same_in_both_passes():
    run_settings = settings(**QUERY)
    run_settings = run_settings.model_copy(
        update={"model": run_settings.model.model_copy(update={"dropout": 0.3})}
    )
    infoxlm, batches = model(run_settings).double().train(), [pairs(3, 0), pairs(3, 5)]
    # the oracle: everything in one graph, each micro-batch with its own seed
    vectors = []
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        vectors.append(XLCO.of(infoxlm).encoded(infoxlm, batch))
    queries, keys = (torch.cat(side) for side in zip(*vectors, strict=True))
    meanings = torch.cat([batch.meanings for batch in batches])
    whole = XLCO.of(infoxlm).contrast_outcome(queries, keys, meanings, Shard(6))
    expected = gradients(infoxlm, whole.loss_sum)
    for name, gradient in summed(infoxlm, batches).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-10, rtol=0)


def test_in_bfloat16_every_weight_gets_its_gradient_from_the_second_pass():
    # sentences that start out distinguishable, so that the gradient is larger than its rounding
    run_settings = settings(**QUERY, normalise=True, temperature=0.1, pooling="mean", head=False)
    run_settings = run_settings.model_copy(
        update={"model": run_settings.model.model_copy(update={"embedding_std": 0.5})}
    )
    infoxlm, batches = model(run_settings), [pairs(3, 0), pairs(3, 5)]
    exact, rounded = summed(infoxlm, batches), summed(infoxlm, batches, autocast=True)
    assert rounded.keys() == exact.keys()
    for name, gradient in exact.items():
        # a softmax does not change with a bias that all keys share: its gradient is nothing but rounding
        if not name.endswith("attention.self.key.bias"):
            # some products in a row, each rounded to 2^-9
            assert (rounded[name] - gradient).norm() < 0.02 * gradient.norm(), name


def test_one_micro_batch_is_encoded_once_with_the_dropout_of_the_step():
    infoxlm, batch = model(settings(**QUERY)), pairs()
    task = XLCO.of(infoxlm)
    outcome, *rest = task.outcomes(infoxlm, [batch], [Shard(4)], pytest.fail)
    expected = task.outcome(infoxlm, batch, Shard(4))
    assert rest == []
    assert torch.equal(outcome.loss_sum, expected.loss_sum)
    for tensor, same in zip(outcome.carry, expected.carry, strict=True):
        assert torch.equal(tensor, same)
