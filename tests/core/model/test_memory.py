"""Momentum copy and queue."""

import torch

from core.model.memory import Queue, follow


def test_float16_momentum_is_that_of_a_halved_model():
    generator = torch.Generator().manual_seed(0)
    start, goal = (0.04 * torch.randn(1000, generator=generator) for _ in range(2))
    ours, theirs = start.half().float(), start.half()
    for _ in range(20):
        follow([ours], [goal], 0.99, "float16")
        theirs = theirs * 0.99 + goal.half() * (1 - 0.99)
    torch.testing.assert_close(ours, theirs.float(), atol=0, rtol=0)


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
