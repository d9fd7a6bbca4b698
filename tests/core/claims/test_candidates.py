"""Claims 10 to 14: scores, candidates, loss, queue."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from core.model.memory import Queue
from core.objectives.infonce import infonce_outcome
from core.objectives.xlco import XLCO
from core.processes import Shard
from core.train import train
from tests.core import rank, small
from tests.core.claims.parts import filled
from tests.core.training import settings, training


def test_10_scores_are_inner_products_times_4():
    infoxlm = filled(small.model(small.settings()))
    batch = small.pairs(1)
    query, key = XLCO.of(infoxlm).queries(infoxlm, batch.queries), XLCO.of(infoxlm).keys(infoxlm, batch.keys)
    scores = 4 * torch.cat([query @ key[0], XLCO.of(infoxlm).queue.candidates()[0] @ query[0]])
    # twice the query, twice the scores
    for factor in (1, 2):
        loss = XLCO.of(infoxlm).contrast_outcome(factor * query, key, batch.meanings, Shard(1)).loss_sum
        expected = torch.logsumexp(factor * scores, 0) - factor * scores[0]
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_10_normalised_scores_are_cosines():
    infoxlm = small.model(small.settings(normalise=True, in_batch=True, queue=0, temperature=1.0))
    batch = small.pairs()
    queries, keys = (
        XLCO.of(infoxlm).queries(infoxlm, batch.queries),
        XLCO.of(infoxlm).keys(infoxlm, batch.keys),
    )
    raw = cosine_similarity(queries[:, None], keys[None], dim=-1)
    torch.testing.assert_close(queries @ keys.T, raw, atol=1e-6, rtol=0)


def test_11_candidates_are_the_own_key_and_the_queue_and_nothing_else_of_the_batch():
    infoxlm = filled(small.model(small.settings()))
    batch = small.pairs()
    queries, keys = (
        XLCO.of(infoxlm).queries(infoxlm, batch.queries),
        XLCO.of(infoxlm).keys(infoxlm, batch.keys),
    )

    def of_the_first(others):
        task = XLCO.of(infoxlm)
        outcome = task.contrast_outcome(queries, torch.cat([keys[:1], others]), batch.meanings, Shard(4))
        rest = task.contrast_outcome(queries[1:], others, batch.meanings[1:], Shard(3))
        assert outcome.ceiling_nats == pytest.approx(math.log(1 + 8))
        return (outcome.loss_sum - rest.loss_sum).item()

    # poison: another pair's key like the query itself would be an overwhelming negative
    assert of_the_first(queries[:1].expand(3, -1) * 3) == pytest.approx(of_the_first(keys[1:]), abs=1e-4)


def test_12_a_loss_computed_by_hand():
    infoxlm = small.model(small.settings(queue=3))
    axes = torch.eye(16)
    XLCO.of(infoxlm).queue.push(torch.stack([axes[0], -axes[0], axes[1]]), torch.tensor([7, 8, 9]))
    outcome = XLCO.of(infoxlm).contrast_outcome(axes[:1], 0.5 * axes[:1], torch.tensor([0]), Shard(1))
    # scores 2 for the own key, and 4, -4, 0
    expected = math.log(math.exp(2) + math.exp(4) + math.exp(-4) + 1) - 2
    assert outcome.loss.item() == pytest.approx(expected, rel=1e-6)
    assert outcome.bound_nats == pytest.approx(math.log(4) - expected, rel=1e-6)


@given(st.integers(0, 10**6), st.floats(0.1, 30.0))
def test_12_the_bound_never_exceeds_the_log_of_the_candidates(seed, scale):
    scores = scale * torch.randn(3, 1 + 8, generator=torch.Generator().manual_seed(seed))
    outcome = infonce_outcome(scores, torch.zeros(3, dtype=torch.int64), None)
    assert outcome.ceiling_nats == pytest.approx(math.log(1 + 8))
    assert outcome.bound_nats <= outcome.ceiling_nats


@given(st.integers(1, 12), st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_13_the_queue_holds_the_last_keys_whatever_the_sizes_of_the_batches(size, batches):
    queue, pushed = Queue(size, 1), []
    for batch in batches:
        ids = torch.arange(len(pushed), len(pushed) + batch)
        queue.push(ids[:, None].float(), ids)
        pushed += ids.tolist()
        keys, meanings = queue.candidates()
        assert sorted(meanings.tolist()) == pushed[-size:]
        assert keys[:, 0].tolist() == meanings.tolist()


def test_13_the_queue_is_full_of_real_keys_before_the_first_step(text):
    trainer = training(text, settings(steps=1, exclude_same_meaning=False))
    assert next(train(trainer)).ceilings["xlco"] == pytest.approx(math.log(1 + 20))
    assert XLCO.of(trainer.model).queue.filled == 20
    assert not (XLCO.of(trainer.model).queue.keys == 0).all(1).any()


def test_13_keys_enter_the_queue_after_the_loss(text):
    # without prefill the candidates of step n are the 8 keys of each step before it
    trainer = training(text, settings(steps=3, prefill=False, in_batch=True, exclude_same_meaning=False))
    ceilings = [step.ceilings["xlco"] for step in train(trainer)]
    assert ceilings == pytest.approx([math.log(8), math.log(8 + 8), math.log(8 + 16)])


def test_14_two_processes_hold_the_queue_of_one_also_when_their_shares_are_unequal(text, folder, tmp_path):
    seven = rank.CASES["seven examples"]
    assert [seven.examples_of(section) for section in seven.tasks] == [7, 7, 7]
    alone = rank.run_steps(text, rank.CASES["seven examples"])[1]
    (_, ours), (_, second) = rank.results(2, folder, tmp_path, ["seven examples"])
    for part in ("queue/keys", "queue/meanings", "queue/where"):
        tensor = ours["seven examples"][part]
        assert torch.equal(tensor, second["seven examples"][part])
        torch.testing.assert_close(tensor, alone[part], atol=1e-3, rtol=0)
