"""Two and three processes do what one does."""

import pytest
import torch

from core.processes import Shard, all_reduce_sum, broadcast_from_main, main_process_first, sum_gradients
from core.train import train
from tests.core import rank
from tests.core.training import training, write_text


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    return folder, write_text(folder)


@pytest.fixture(scope="module")
def results(text, tmp_path_factory):
    """What each process of two, and of three, has found; the three go on with the run that the two began."""
    out, cases = tmp_path_factory.mktemp("out"), [*rank.CASES, "broken", "halves"]
    return {count: rank.results(count, text[0], out, cases) for count in (2, 3)}


@pytest.fixture(scope="module")
def alone(text):
    return {name: rank.run_steps(text[1], cases) for name, cases in rank.CASES.items()}


@pytest.mark.parametrize("name", rank.CASES)
@pytest.mark.parametrize("count", [2, 3])
def test_gradients_equal_those_of_one_process_with_the_joint_batch(results, alone, name, count):
    expected = {key: value for key, value in alone[name][1].items() if key.startswith("gradient/")}
    assert expected
    for _, tensors in results[count]:
        gradients = {key: value for key, value in tensors[name].items() if key.startswith("gradient/")}
        assert gradients.keys() == expected.keys()
        for key, gradient in expected.items():
            torch.testing.assert_close(gradients[key], gradient, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", rank.CASES)
@pytest.mark.parametrize("count", [2, 3])
def test_losses_ceilings_counts_and_tokens_are_those_of_one_process(results, alone, name, count):
    for said, _ in results[count]:
        assert said[name]["sampler"] == alone[name][0]["sampler"]
        for step, expected in zip(said[name]["steps"], alone[name][0]["steps"], strict=True):
            assert (step["counts"], step["tokens"]) == (expected["counts"], expected["tokens"])
            for task in expected["losses"]:
                # float32, after updates that magnify rounding
                assert step["losses"][task] == pytest.approx(expected["losses"][task], rel=1e-4)
                assert step["ceilings"][task] == pytest.approx(expected["ceilings"][task], rel=1e-9)


@pytest.mark.parametrize("name", rank.CASES)
@pytest.mark.parametrize("count", [2, 3])
def test_queues_and_weights_are_identical_on_all_processes(results, name, count):
    (_, first_rank), *others = results[count]
    for _, tensors in others:
        for key, value in first_rank[name].items():
            assert torch.equal(tensors[name][key], value), key


@pytest.mark.parametrize("name", rank.CASES)
@pytest.mark.parametrize("count", [2, 3])
def test_the_queue_holds_the_keys_of_one_process_in_the_same_order(results, alone, name, count):
    expected = alone[name][1]
    for _, tensors in results[count]:
        if "queue/keys" not in expected:
            continue
        for part in ("queue/where", "queue/meanings"):
            assert torch.equal(tensors[name][part], expected[part])
        torch.testing.assert_close(tensors[name]["queue/keys"], expected["queue/keys"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("count", [2, 3])
def test_a_loss_that_is_not_finite_on_one_process_stops_all_alike(results, count):
    (message,) = {said["broken"] for said, _ in results[count]}
    assert "step 1: the loss of mmlm, tlm is not finite" in message


def test_three_processes_go_on_where_two_stopped_and_end_at_the_losses_of_one(results, text):
    expected = [rank.step_record(step)["losses"] for step in train(training(text[1], rank.RESUMED))]
    losses = [step["losses"] for count in (2, 3) for step in results[count][0][0]["halves"]]
    assert len(losses) == len(expected) == 6
    for ours, theirs in zip(losses, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("rows", [4, 5, 9])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_row_is_dealt_to_one_process(rows, processes):
    places = [Shard(rows, index, processes).indices().tolist() for index in range(processes)]
    assert sorted(place for shard_places in places for place in shard_places) == list(range(rows))
    # the order in which gathered rows are laid side by side
    assert all(
        place % processes == index for index, shard_places in enumerate(places) for place in shard_places
    )


def test_one_process_gathers_sums_and_tells_without_asking_anyone():
    rows, weight = torch.ones(3, 2), torch.nn.Parameter(torch.ones(2))
    assert Shard(3).gather(rows) is rows
    assert all_reduce_sum([1.5, 2]) == [1.5, 2]
    sum_gradients([weight])
    assert weight.grad is None
    assert broadcast_from_main(lambda: 7) == main_process_first(lambda: 7) == 7
