"""Cross-lingual contrast."""

import math

import pytest
import torch

from core.information import bounds
from core.objectives.infonce import infonce_outcome
from core.objectives.xlco import XLCO
from core.processes import Shard
from tests.core.small import model, pairs, settings


def filled(infoxlm, count=8, seed=9):
    torch.manual_seed(seed)
    XLCO.of(infoxlm).queue.push(torch.randn(count, 16), torch.arange(100, 100 + count))
    return infoxlm


def test_the_loss_is_infonce_of_the_own_key_against_the_queue():
    infoxlm = filled(model(settings()))
    batch = pairs()
    task = XLCO.of(infoxlm)
    outcome = task.outcome(infoxlm, batch, Shard(4))
    keys, _ = outcome.carry
    queries, queue = task.queries(infoxlm, batch.queries), task.queue.candidates()[0]
    expected = 0.0
    for query, key in zip(queries, keys, strict=True):
        scores = torch.cat([(query @ key)[None], queue @ query]) / 0.25
        expected += (torch.logsumexp(scores, 0) - scores[0]).item()
    assert outcome.loss_sum.item() == pytest.approx(expected, rel=1e-5)
    assert outcome.ceiling_nats == pytest.approx(math.log(9))
    assert outcome.bound_nats == pytest.approx(math.log(9) - expected / 4, rel=1e-5)


def test_in_batch_candidates_are_all_keys_of_the_batch_and_the_queue():
    infoxlm = filled(model(settings(in_batch=True)))
    outcome = XLCO.of(infoxlm).outcome(infoxlm, pairs(), Shard(4))
    assert outcome.ceiling_nats == pytest.approx(math.log(4 + 8))


def test_a_candidate_of_the_same_meaning_is_no_negative_in_the_loss_and_counts_in_the_bound():
    scores = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    excluded = torch.zeros(3, 5, dtype=torch.bool)
    excluded[0, 3] = excluded[2, 0] = excluded[1, 1] = True  # the last is the positive, which always stays
    ours = infonce_outcome(scores, torch.arange(3), excluded)
    theirs = bounds.infonce(scores, torch.arange(3), excluded)
    assert ours.loss.item() == pytest.approx(theirs.ceiling - float(theirs), abs=1e-6)
    whole = bounds.infonce(scores, torch.arange(3))
    assert ours.bound_nats == pytest.approx(float(whole), abs=1e-6)
    assert ours.ceiling_nats == pytest.approx(math.log(5))


def test_few_meanings_among_many_candidates_show_no_more_than_there_is():
    generator = torch.Generator().manual_seed(0)
    meanings = torch.randint(0, 8, (512,), generator=generator)
    queries = torch.nn.functional.one_hot(meanings[:64], 8).float()
    scores = 30 * queries @ torch.nn.functional.one_hot(meanings, 8).float().T
    same = meanings[:64, None] == meanings
    ours = infonce_outcome(scores, torch.arange(64), same)
    # a perfect critic: no loss at all, and eight meanings of which a candidate tells one
    assert ours.loss.item() == pytest.approx(0.0, abs=1e-6)
    counts = torch.bincount(meanings, minlength=8)[meanings[:64]]
    assert ours.bound_nats == pytest.approx(math.log(512) - float(counts.log().mean()), abs=1e-4)
    assert ours.bound_nats < math.log(8) + 0.1 < math.log(512 / 2)


def test_keys_from_the_query_encoder_carry_gradient_and_need_no_copy():
    infoxlm = model(settings(keys="query", in_batch=True, queue=0))
    task, batch = XLCO.of(infoxlm), pairs()
    assert task.key_encoder is None
    queries, keys = task.queries(infoxlm, batch.queries).detach(), task.keys(infoxlm, batch.keys)
    task.contrast_outcome(queries, keys, batch.meanings, Shard(4)).loss.backward()
    assert float(task.head.weight.grad.abs().sum()) > 0


def test_both_directions_are_the_mean_of_the_two():
    batch = pairs()
    forth, both = (
        model(settings(keys="query", in_batch=True, queue=0, directions=d)) for d in ("one", "both")
    )
    task = XLCO.of(forth)
    queries, keys = task.queries(forth, batch.queries), task.queries(forth, batch.keys)
    there = task.contrast_outcome(queries, keys, batch.meanings, Shard(4))
    back = task.contrast_outcome(keys, queries, batch.meanings, Shard(4))
    mean = XLCO.of(both).outcome(both, batch, Shard(4)).loss.item()
    assert mean == pytest.approx((there.loss + back.loss).item() / 2, rel=1e-6)


@pytest.mark.parametrize("in_batch", [True, False])
def test_scores_are_float32_where_vectors_are_bfloat16(in_batch):
    # vectors of pre-trained encoders share a long common part: mean logit 150, differences of a few
    infoxlm = model(settings(in_batch=in_batch, queue=64, temperature=1.0, exclude_same_meaning=False))
    generator = torch.Generator().manual_seed(0)
    common = 3.0 * torch.ones(16)
    XLCO.of(infoxlm).queue.push(
        (common + 0.3 * torch.randn(64, 16, generator=generator)).bfloat16(), torch.arange(64) + 100
    )
    sides = [(common + 0.3 * torch.randn(8, 16, generator=generator)).bfloat16() for _ in range(2)]

    def gradient(queries, keys):
        queries = queries.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=queries.dtype == torch.bfloat16):
            outcome = XLCO.of(infoxlm).contrast_outcome(queries, keys, torch.arange(8), Shard(8))
        outcome.loss_sum.backward()
        return queries.grad.double()

    gradients = gradient(*(side.clone() for side in sides))
    expected = gradient(*(side.double() for side in sides))
    # the gradient itself is rounded to bfloat16 once: 2^-9 of each entry at most
    assert (gradients - expected).norm() < 2**-8 * expected.norm()
