"""Denoising word alignment: against a transcription by loops, labels without gradient, shards, and what is refused."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import entropy

from core.checkpoint import load, save
from core.config import ModelSettings, Settings
from core.errors import InputError
from core.model.encoder import hidden_states, pack
from core.model.infoxlm import language_model
from core.objectives import tasks_of
from core.objectives.dwa import DWA, Labels
from core.processes import Shard
from core.task_settings import DenoisingSettings
from core.text.batches import RowReader
from core.train import train
from tests import oracles
from tests.core.training import settings, training, write_text

OFF = {"enabled": False}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text"))


def trainer_of(text, steps=2, dropout=0.0, **dwa):
    dwa = {"enabled": True, "rate": 0.4, **dwa}
    return training(text, settings(steps, dropout=dropout, mmlm=OFF, tlm=OFF, **OFF, dwa=dwa))


def task_of(trainer) -> DWA:
    (task,) = tasks_of(trainer.model).values()
    return task


def batch_of(trainer, seed=5, rows=None):
    rows = trainer.sampler.draw_rows(1, DWA.stream, DWA.reads, 8) if rows is None else rows
    (batch,) = task_of(trainer).batches(rows, trainer.reader, np.random.default_rng(seed))
    return batch


def states_of(trainer, sequences, layer=None):
    with torch.no_grad():
        packing = pack(sequences.lengths, torch.device("cpu"))
        *_, state = hidden_states(trainer.model.encoder, sequences, packing, layer)
    return state


def halves_of(ids: list[int]) -> tuple[list[int], list[int]]:
    """Places of the ordinary tokens of `<s> a </s> b </s>`; an id of 2 ends a half."""
    end = ids.index(2)
    return list(range(1, end)), list(range(end + 1, len(ids) - 1))


def test_losses_and_labels_are_those_of_loops_over_tokens_in_double_precision(text):
    trainer = trainer_of(text)
    trainer.model.double()
    task, batch = task_of(trainer), batch_of(trainer)
    below = states_of(trainer, batch.whole, task.layer)
    top = states_of(trainer, batch.masked.sequences)
    masked, expected, begin = set(batch.masked.positions.tolist()), {}, 0
    for ids in batch.whole.ids.split(batch.whole.lengths.tolist()):
        source, target = ([begin + at for at in half] for half in halves_of(ids.tolist()))
        plan = oracles.transport([[float(below[i] @ below[j]) for j in target] for i in source])
        links = sorted(oracles.itermax(plan), key=lambda link: plan[link[0]][link[1]])
        pointers = [(source[i], target, j) for i, j in links] + [(target[j], source, i) for i, j in links]
        for token, half, place in pointers:
            if token in masked:
                # the last link has the largest mass
                query = task.pointer_query(top[token]).tolist()
                keys = [task.pointer_key(top[at]).tolist() for at in half]
                expected[token] = place, oracles.pointer_loss(query, keys, place)
        begin += len(ids)
    labels = task.labels(trainer.model, batch)
    assert len(expected) > 5
    assert labels.tokens.tolist() == sorted(expected)
    assert labels.places.tolist() == [expected[token][0] for token in sorted(expected)]
    losses = task.losses(trainer.model, batch, labels).tolist()
    assert losses == pytest.approx([expected[token][1] for token in sorted(expected)], abs=1e-10)


def test_the_outcome_is_the_mean_over_links_and_the_ceiling_the_entropy_of_their_places(text):
    trainer = trainer_of(text)
    task, batch = task_of(trainer), batch_of(trainer)
    labels = task.labels(trainer.model, batch)
    outcome = task.outcome(trainer.model, batch, Shard(8))
    losses = task.losses(trainer.model, batch, labels)
    assert 0 < len(losses) < batch.count == outcome.count
    assert outcome.loss.item() == pytest.approx(losses.mean().item(), rel=1e-6)
    assert outcome.ceiling_nats == pytest.approx(entropy(np.bincount(labels.places)))
    assert outcome.bound_nats <= outcome.ceiling_nats


def test_labels_are_read_without_masks_dropout_and_gradient(text):
    trainer = trainer_of(text, dropout=0.5)
    rows = trainer.sampler.draw_rows(1, DWA.stream, DWA.reads, 8)
    task, batch = task_of(trainer), batch_of(trainer, rows=rows)
    trainer.model.train()
    before = torch.get_rng_state()
    labels = [task.labels(trainer.model, batch) for _ in range(2)]
    assert torch.equal(before, torch.get_rng_state())
    assert trainer.model.training
    assert labels[0].places.tolist() == labels[1].places.tolist()
    # another mask of the same pairs gives a token the same label
    again = task.labels(trainer.model, batch_of(trainer, 6, rows))
    before_labels, after_labels = (
        dict(zip(each.tokens, each.places, strict=True)) for each in (labels[0], again)
    )
    common = before_labels.keys() & after_labels.keys()
    assert common
    assert all(before_labels[token] == after_labels[token] for token in common)


def test_the_whole_pairs_are_the_masked_ones_with_their_true_tokens(text):
    trainer = trainer_of(text)
    batch = batch_of(trainer)
    whole = batch.whole.ids
    assert torch.equal(whole[batch.masked.positions], batch.masked.targets)
    others = torch.ones(len(whole), dtype=torch.bool)
    others[batch.masked.positions] = False
    assert torch.equal(whole[others], batch.masked.sequences.ids[others])
    assert trainer.mask_id not in whole


def test_halves_begin_behind_the_special_tokens_of_cut_pairs_too(text):
    trainer = trainer_of(text)
    rows = trainer.sampler.draw_rows(1, DWA.stream, DWA.reads, 8)
    for longest in (12, 32):
        reader = RowReader(trainer.corpus, longest, trainer.mask_id)
        (batch,) = task_of(trainer).batches(rows, reader, np.random.default_rng(5))
        begin = 0
        for ids, begins, sizes in zip(
            batch.whole.ids.split(batch.whole.lengths.tolist()),
            batch.begins.tolist(),
            batch.sizes.tolist(),
            strict=True,
        ):
            for half, start, size in zip(halves_of(ids.tolist()), begins, sizes, strict=True):
                assert [begin + at for at in half] == list(range(start, start + size))
            begin += len(ids)
        assert len(task_of(trainer).labels(trainer.model, batch).tokens) > 0


def test_a_batch_in_which_nothing_is_masked_has_the_loss_zero(text):
    trainer = trainer_of(text, rate=0.0)
    task, batch = task_of(trainer), batch_of(trainer)
    outcome = task.outcome(trainer.model, batch, Shard(8))
    outcome.loss_sum.backward()
    assert (outcome.loss_sum.item(), outcome.count, outcome.ceiling_sum) == (0, 0, 0)


def test_a_link_is_learned_from_its_context(tmp_path):
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice([*"abcdefghijklmnop"], 6)) for _ in range(300)]
    text = write_text(tmp_path, [(at, tag, words[at]) for at in range(300) for tag in ("en", "fr")])
    trainer = trainer_of(text, steps=60, mask_share=1.0, random_share=0.0, rate=0.2)
    steps = list(train(trainer))
    losses = [step.losses["dwa"] for step in steps]
    assert losses[0] > 1.2
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    assert all(step.bounds["dwa"] <= step.ceilings["dwa"] for step in steps)


def test_the_pointer_is_what_the_task_owns_and_all_of_it_is_trained(text):
    trainer = trainer_of(text)
    assert set(task_of(trainer).state_dict()) == {
        f"pointer_{side}.{part}" for side in ("query", "key") for part in ("weight", "bias")
    }
    next(train(trainer))
    moved = {name for name, p in trainer.model.trained() if p in trainer.optimizer.state}
    assert {name for name, _ in trainer.model.trained() if name.startswith("dwa.")} <= moved


def test_a_run_goes_on_from_a_checkpoint_to_the_numbers_of_one_that_was_not_stopped(text, tmp_path):
    whole = [step.losses for step in train(trainer_of(text, steps=4))]
    stopped = trainer_of(text, steps=4)
    steps = train(stopped)
    next(steps), next(steps)
    save(stopped, text[1], tmp_path, 0.0)
    again = trainer_of(text, steps=4)
    load(again, tmp_path)
    assert [step.losses for step in train(again)] == whole[2:]


def test_a_model_of_one_layer_is_refused_and_so_is_a_layer_that_it_has_not():
    one_layer = ModelSettings(layers=1, hidden=16, heads=2, feedforward=32)
    on = DenoisingSettings(enabled=True)
    with pytest.raises(ValidationError, match=r"the model has 1 layer: set model\.layers to 2 or more"):
        Settings(model=one_layer, contrast={"layer": 1}, dwa=on)
    with pytest.raises(ValidationError, match=r"dwa\.layer is 13, but the model has 12 layers"):
        Settings(dwa={"enabled": True, "layer": 13})
    with pytest.raises(InputError, match="the checkpoint has 1 layers"):
        DWA(Settings(dwa=on), language_model(one_layer, 40, 1))


@pytest.mark.parametrize(("layers", "expected"), [(2, 1), (3, 2), (6, 5), (12, 10), (24, 20)])
def test_the_labelling_layer_stands_five_sixths_up_and_below_the_top(layers, expected):
    assert DenoisingSettings().labelling_layer(layers) == expected
    assert DenoisingSettings(layer=1).labelling_layer(layers) == 1


def test_no_links_are_no_labels(text):
    trainer = trainer_of(text)
    empty = Labels(*np.zeros((3, 0), dtype=np.int64))
    losses = task_of(trainer).losses(trainer.model, batch_of(trainer), empty)
    assert losses.shape == (0,)
    losses.sum().backward()
