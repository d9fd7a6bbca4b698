"""Momentum copy and queue."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from core.config import ModelSettings
from core.errors import InputError
from core.model.infoxlm import language_model
from core.model.memory import Queue, momentum_update
from tests.core.small import model, settings


def test_float16_momentum_is_that_of_a_halved_model():
    generator = torch.Generator().manual_seed(0)
    start, goal = (0.04 * torch.randn(1000, generator=generator) for _ in range(2))
    ours, theirs = start.half().float(), start.half()
    for _ in range(20):
        momentum_update([ours], [goal], 0.99, "float16")
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


@trials(deadline=None)
@given(size=st.integers(0, 4), state=st.lists(st.floats(width=32) | st.integers(-9, 9), max_size=3))
def test_a_queue_takes_exactly_the_states_that_pushing_leaves(size, state):
    reached = {(0, 0)}
    for pushed in range(3 * size + 1):
        queue = Queue(size, 2)
        for number in range(pushed):
            queue.push(torch.ones(1, 2), torch.tensor([number]))
        reached.add((queue.pointer, queue.filled))
    queue = Queue(size, 2)
    if tuple(state) in reached:
        queue.set_extra_state(torch.tensor(state))
        assert (queue.pointer, queue.filled) == tuple(state)
    else:
        with pytest.raises(InputError, match="place and count"):
            queue.set_extra_state(torch.tensor(state))


def test_a_queue_larger_than_the_memory_of_the_machine_is_refused_before_it_is_made():
    with pytest.raises(InputError, match="GiB of memory"):
        model(settings(queue=10**13))


def test_an_encoder_larger_than_the_memory_of_the_machine_is_refused_before_it_is_made():
    shape = ModelSettings(layers=10**9, hidden=2**20, heads=2, feedforward=2**20, max_tokens=32)
    with pytest.raises(InputError, match="GiB of memory"):
        language_model(shape, 100, seed=0)
