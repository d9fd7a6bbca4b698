"""Momentum copy and queue."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.model.memory import Queue, follow


@pytest.mark.parametrize("momentum", [0.9, 0.999, 0.9999])
def test_the_copy_has_gone_1_minus_momentum_to_the_n_of_the_way_after_n_updates(momentum):
    slow, fast = torch.zeros(4), torch.ones(4)
    for _ in range(200):
        follow([slow], [fast], momentum)
    torch.testing.assert_close(slow, torch.full((4,), 1 - momentum**200), atol=1e-5, rtol=0)


def test_float16_momentum_is_that_of_a_halved_model():
    generator = torch.Generator().manual_seed(0)
    start, goal = (0.04 * torch.randn(1000, generator=generator) for _ in range(2))
    ours, theirs = start.half().float(), start.half()
    for _ in range(20):
        follow([ours], [goal], 0.99, "float16")
        theirs = theirs * 0.99 + goal.half() * (1 - 0.99)
    torch.testing.assert_close(ours, theirs.float(), atol=0, rtol=0)


@given(st.integers(1, 12), st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_a_queue_holds_the_last_keys_whatever_the_sizes_of_the_batches(size, batches):
    queue, pushed = Queue(size, 1), []
    for batch in batches:
        ids = torch.arange(len(pushed), len(pushed) + batch)
        queue.push(ids[:, None].float(), ids)
        pushed += ids.tolist()
        keys, meanings = queue.candidates()
        assert sorted(meanings.tolist()) == pushed[-size:]
        assert keys[:, 0].tolist() == meanings.tolist()


def test_an_empty_queue_offers_nothing_and_a_zero_queue_takes_nothing():
    queue = Queue(3, 2)
    assert len(queue.candidates()[0]) == 0
    none = Queue(0, 2)
    none.push(torch.ones(2, 2), torch.tensor([1, 2]))
    assert len(none.candidates()[0]) == 0


def test_candidates_are_views_not_copies():
    queue = Queue(4, 2)
    queue.push(torch.ones(4, 2), torch.arange(4))
    assert queue.candidates()[0].data_ptr() == queue.keys.data_ptr()


def test_a_queue_comes_back_from_its_state():
    queue, again = Queue(5, 2), Queue(5, 2)
    queue.push(torch.randn(7, 2), torch.arange(7))
    again.load_state_dict(queue.state_dict())
    for each in (queue, again):
        each.push(torch.ones(2, 2), torch.tensor([8, 9]))
    assert queue.candidates()[1].tolist() == again.candidates()[1].tolist()
