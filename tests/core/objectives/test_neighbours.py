"""k-NN target sampling: exact with all neighbours, never more than the full loss, no gradient outside."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from core.checkpoint import load, save
from core.config import Settings
from core.model.infoxlm import language_model
from core.model.neighbours import Neighbours
from core.model.vocabulary import candidate_cross_entropy, linear_cross_entropy
from core.objectives import build_model
from core.objectives.masked import masked_outcome
from core.processes import Shard
from core.task_settings import MaskedSettings
from core.train import train
from tests.core.objectives.test_masked import masked_batch
from tests.core.small import model, settings
from tests.core.training import settings as training_settings
from tests.core.training import training, write_text

VOCABULARY, HIDDEN = 60, 8


def tensors(dtype=torch.float64, masked=12, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(VOCABULARY, HIDDEN, generator=generator, dtype=dtype) * scale
    states = torch.randn(masked, HIDDEN, generator=generator, dtype=dtype)
    bias = torch.randn(VOCABULARY, generator=generator, dtype=dtype)
    targets = torch.randint(0, VOCABULARY, (masked,), generator=generator)
    return [each.requires_grad_() for each in (states, weight, bias)], targets


def neighbours_of(weight, count):
    table = Neighbours(len(weight), count, 1)
    table.search(weight)
    return table


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_loss_and_gradients_are_those_of_autograd_over_the_candidates(rows):
    (states, weight, bias), targets = tensors()
    candidates = neighbours_of(weight, 3).of(targets)
    losses = candidate_cross_entropy(states, weight, bias, targets, candidates, rows)
    (losses * torch.arange(1.0, 13.0)).sum().backward()
    (plain_states, plain_weight, plain_bias), _ = tensors()
    logits = plain_states @ plain_weight[candidates].T + plain_bias[candidates]
    expected = cross_entropy(logits, torch.searchsorted(candidates, targets), reduction="none")
    (expected * torch.arange(1.0, 13.0)).sum().backward()
    torch.testing.assert_close(losses, expected, atol=1e-12, rtol=0)
    for ours, plain in ((states, plain_states), (weight, plain_weight), (bias, plain_bias)):
        torch.testing.assert_close(ours.grad, plain.grad, atol=1e-11, rtol=0)


def test_rows_outside_the_union_get_a_gradient_of_exactly_zero():
    (states, weight, bias), targets = tensors()
    candidates = neighbours_of(weight, 2).of(targets)
    candidate_cross_entropy(states, weight, bias, targets, candidates, 100).sum().backward()
    outside = torch.ones(VOCABULARY, dtype=torch.bool)
    outside[candidates] = False
    assert outside.any()
    assert not weight.grad[outside].any()
    assert not bias.grad[outside].any()
    assert weight.grad[candidates].any(1).all()


def test_with_all_tokens_as_neighbours_the_loss_is_the_full_one_to_the_bit():
    (states, weight, bias), targets = tensors(torch.float32)
    candidates = neighbours_of(weight, VOCABULARY).of(targets)
    assert candidates.tolist() == list(range(VOCABULARY))
    sampled = candidate_cross_entropy(states, weight, bias, targets, candidates, 100)
    assert torch.equal(sampled, linear_cross_entropy(states, weight, bias, targets, 100))


def test_the_sampled_loss_never_exceeds_the_full_one_and_nears_it_with_more_neighbours():
    (states, weight, bias), targets = tensors(masked=5)
    full = linear_cross_entropy(states, weight, bias, targets, 100).detach()
    means = []
    for count in (1, 5, 10, 30, VOCABULARY):
        candidates = neighbours_of(weight, count).of(targets)
        sampled = candidate_cross_entropy(states, weight, bias, targets, candidates, 100).detach()
        assert (sampled <= full + 1e-12).all()
        means.append(float(sampled.mean()))
    # a larger union adds to every denominator
    assert means == sorted(means)
    assert means[-1] == pytest.approx(float(full.mean()), abs=1e-12)


def test_neighbours_cost_the_loss_less_than_as_many_random_tokens_where_embeddings_are_trained():
    """States lie near the embedding of their target, as they do in a model that predicts well."""
    generator = torch.Generator().manual_seed(1)
    topics = torch.randn(20, 16, generator=generator)
    weight = 2 * (topics[torch.arange(2_000) % 20] + 0.5 * torch.randn(2_000, 16, generator=generator))
    targets = torch.randint(0, 2_000, (8,), generator=generator)
    states, bias = weight[targets] / 4, torch.zeros(2_000)
    full = linear_cross_entropy(states, weight, bias, targets, 100).mean()
    near = neighbours_of(weight, 50).of(targets)
    others = torch.randperm(2_000, generator=generator)[: len(near)]
    random = torch.cat([targets, others]).unique()
    biases = [
        float(candidate_cross_entropy(states, weight, bias, targets, each, 100).mean() - full)
        for each in (near, random)
    ]
    assert biases[1] < biases[0] < 0


def test_neighbours_are_those_with_the_largest_inner_products():
    weight = torch.randn(30, 4, generator=torch.Generator().manual_seed(2))
    table = neighbours_of(weight, 5).table.numpy()
    products = weight.numpy() @ weight.numpy().T
    for token in range(30):
        assert set(table[token]) == set(np.argsort(-products[token])[:5])


def test_a_search_in_parts_finds_the_same(monkeypatch):
    weight = torch.randn(30, 4, generator=torch.Generator().manual_seed(2))
    whole = neighbours_of(weight, 5).table
    monkeypatch.setattr("core.model.neighbours.CHUNK_PRODUCTS", 70)
    assert torch.equal(neighbours_of(weight, 5).table, whole)


def test_a_target_is_a_candidate_although_its_own_vector_is_short():
    weight = torch.tensor([[0.1, 0.0], [5.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    table = neighbours_of(weight, 2)
    assert 0 not in table.table[0]
    assert table.of(torch.tensor([0, 0])).tolist() == [0, 1, 2]


def test_neighbours_are_searched_again_after_so_many_steps():
    table = Neighbours(4, 1, refresh=3)
    table.search(torch.eye(4))
    before, moved = table.table.clone(), torch.eye(4)
    # the first token's vector is short, and the second's lies in its direction
    moved[0], moved[1] = torch.tensor([0.1, 0, 0, 0]), torch.tensor([5.0, 0, 0, 0])
    for _ in range(2):
        table.step_done(moved)
    assert torch.equal(table.table, before)
    table.step_done(moved)
    assert table.table[0].tolist() == [1]


def sampled_model(**changes):
    base = settings().model_dump()
    base["mmlm"] |= {"targets": "knn", "neighbours": 4, "refresh": 2, **changes}
    run_settings = Settings.model_validate(base)
    infoxlm = build_model(language_model(run_settings.model, 40, 1), run_settings)
    with torch.no_grad():
        infoxlm.language_model.lm_head.decoder.weight.mul_(20)
    infoxlm.tasks["mmlm"].before_training(infoxlm, lambda number: ([], []))
    return infoxlm


def test_the_outcome_holds_what_the_sampling_leaves_out_so_that_the_bound_is_that_of_the_whole_vocabulary():
    infoxlm, batch = sampled_model(), masked_batch()
    full = masked_outcome(infoxlm, batch, 3.0)
    sampled = infoxlm.tasks["mmlm"].outcome(infoxlm, batch, Shard(3))
    assert sampled.loss < full.loss
    assert sampled.left_out_sum > 0
    task = infoxlm.tasks["mmlm"]
    task.target_entropy_nats = 3.0
    assert task.outcome(infoxlm, batch, Shard(3)).bound_nats == pytest.approx(full.bound_nats, rel=1e-5)
    assert 5 / 40 < sampled.share_sum / sampled.count < 1


def test_with_more_neighbours_than_tokens_nothing_is_left_out():
    infoxlm, batch = sampled_model(neighbours=10_000), masked_batch()
    sampled = infoxlm.tasks["mmlm"].outcome(infoxlm, batch, Shard(3))
    assert sampled.left_out_sum == 0.0
    assert sampled.share_sum == sampled.count
    assert sampled.loss == masked_outcome(infoxlm, batch, 3.0).loss


def test_tied_embeddings_outside_the_union_still_get_the_gradient_of_their_input():
    infoxlm, batch = sampled_model(neighbours=1), masked_batch()
    infoxlm.tasks["mmlm"].outcome(infoxlm, batch, Shard(3)).loss.backward()
    gradient = infoxlm.language_model.lm_head.decoder.weight.grad
    shown = set(batch.sequences.ids.tolist()) - set(
        infoxlm.tasks["mmlm"].neighbours.of(batch.targets).tolist()
    )
    unseen = set(range(40)) - set(batch.sequences.ids.tolist()) - set(batch.targets.tolist())
    unseen -= set(infoxlm.tasks["mmlm"].neighbours.of(batch.targets).tolist())
    assert shown
    assert gradient[sorted(shown)].any(1).all()
    assert not gradient[sorted(unseen)].any()


def test_by_default_a_task_has_no_table_and_reads_the_whole_vocabulary():
    infoxlm = model(settings())
    assert infoxlm.tasks["mmlm"].neighbours is None
    assert not infoxlm.tasks["mmlm"].state_dict()
    assert MaskedSettings().targets == "full"


KNN = {"targets": "knn", "neighbours": 3, "refresh": 4}


def test_a_run_that_stops_between_two_searches_goes_on_to_the_same_numbers(tmp_path):
    text = write_text(tmp_path)
    run_settings = training_settings(steps=6, mmlm=KNN, tlm=KNN)
    whole = training(text, run_settings)
    records = list(train(whole))
    interrupted, folder = training(text, run_settings), tmp_path / "checkpoint"
    folder.mkdir()
    for step in train(interrupted):
        if step.step == 3:
            break
    save(interrupted, text[1], folder, 0.0)
    second = training(text, run_settings)
    load(second, folder)
    again = list(train(second))
    assert [step.losses for step in again] == [step.losses for step in records[3:]]
    assert all(0 < share < 1 for step in records for share in step.shares.values())
    assert {key for step in records for key in step.shares} == {"mmlm", "tlm"}


@pytest.mark.parametrize(
    ("tlm", "searches"), [(KNN, 2), (KNN | {"neighbours": 4}, 4), (KNN | {"refresh": 2}, 5)]
)
def test_tasks_with_the_same_settings_search_once_between_them_to_the_same_tables(
    tmp_path, monkeypatch, tlm, searches
):
    search, number = Neighbours.search, []

    def counted(neighbours, weight):
        number.append(1)
        search(neighbours, weight)

    monkeypatch.setattr(Neighbours, "search", counted)
    text = write_text(tmp_path)
    whole = training(text, training_settings(steps=5, mmlm=KNN, tlm=tlm))
    for step in train(whole):
        if step.step == 4:
            weight = whole.model.language_model.lm_head.decoder.weight.detach().clone()
    assert len(number) == searches
    for task in (whole.model.tasks["mmlm"], whole.model.tasks["tlm"]):
        expected = Neighbours(len(weight), task.neighbours.count, 1)
        search(expected, weight)
        assert torch.equal(task.neighbours.table, expected.table)


def test_a_run_with_the_whole_vocabulary_records_no_share(tmp_path):
    (record,) = train(training(write_text(tmp_path), training_settings(steps=1)))
    assert record.shares == {}
