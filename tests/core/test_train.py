"""The loop."""

import shutil

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from core.checkpoint import load, save
from core.errors import InputError
from core.objectives.mmlm import MMLM
from core.objectives.tlm import TLM
from core.objectives.xlco import XLCO
from core.text.entropy import token_entropy
from core.text.sampling import Sampler
from core.text.split import split
from core.train import NonFiniteLoss, before_training, train
from tests.core.text.conftest import WORDS
from tests.core.training import losses, settings, training, write_text


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text"))


def test_equal_seeds_give_identical_runs(text):
    assert losses(training(text, settings())) == losses(training(text, settings()))


def test_bounds_are_ceilings_minus_losses_and_grow_with_training(text):
    steps = list(
        train(training(text, settings(steps=60, keys="query", queue=0, in_batch=True, pooling="mean")))
    )
    for step in steps:
        for task in ("mmlm", "tlm", "xlco"):
            least = step.ceilings[task] - step.losses[task]
            # candidates of the same meaning, left out of XLCO's loss, count in its bound
            assert (
                step.bounds[task] <= least + 1e-6
                if task == "xlco"
                else step.bounds[task] == pytest.approx(least)
            )
            assert step.bounds[task] <= step.ceilings[task]
    for task in ("mmlm", "tlm"):
        assert (
            np.mean([s.bounds[task] for s in steps[-5:]]) > np.mean([s.bounds[task] for s in steps[:5]]) + 0.3
        )


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_queue_is_filled_with_the_pairs_that_the_first_epoch_reads_last(tmp_path, accumulate):
    numbers = [np.base_repr(number, 8).zfill(4) for number in range(100)]
    rows = [
        (meaning, tag, " ".join(WORDS[tag].split()[int(digit)] for digit in number))
        for meaning, number in enumerate(numbers)
        for tag in ("en", "fr")
    ]
    text = write_text(tmp_path, rows)
    # a fifth is held out; of the other 80 pairs 20 fill the queue, so the first 60 positives are others
    trainer = training(text, settings(steps=10, batch={"accumulate": accumulate}))
    before_training(trainer)
    contrast = XLCO.of(trainer.model)
    queued = set(contrast.queue.meanings.tolist())
    assert len(queued) == 20
    assert trainer.sampler.state() == {}

    def positives(steps):
        batches = [batch for step in steps for batch in trainer.batches(contrast, step)]
        return {number for batch in batches for number in batch.meanings.tolist()}

    before = positives(range(1, 8))
    assert len(before) == 56
    assert not before & queued
    assert positives(range(8, 11)) > queued


QUERY = {"keys": "query", "in_batch": True, "pooling": "mean", "normalise": True, "temperature": 0.1}
CONTRASTS = {
    "off": {"enabled": False},
    "queue": {"queue": 13},
    "batch": {"queue": 0, **QUERY},
    "batch, both directions": {"queue": 0, "directions": "both", **QUERY},
    "batch and queue": {"queue": 13, "exclude_same_meaning": False, "directions": "both", **QUERY},
    "batch of the momentum copy": {"in_batch": True, "directions": "both", "mixup": True, "queue": 13},
}


def first_step(text, run_settings):
    """In float64: gradients that the optimizer is given at step 1, unclipped, the queue after it, and the record."""
    optimizer = run_settings.optimizer.model_copy(update={"clip": 1e9})
    trainer, gradients = training(text, run_settings.model_copy(update={"optimizer": optimizer})), {}
    trainer.model.double()
    trainer.optimizer.register_step_pre_hook(
        lambda *_: gradients.update(
            {n: p.grad.clone() for n, p in trainer.model.trained() if p.grad is not None}
        )
    )
    queue = XLCO.of(trainer.model).queue if "contrast" in trainer.model.tasks else None
    return gradients, queue, next(train(trainer))


@pytest.mark.parametrize("name", CONTRASTS)
def test_micro_batches_give_the_gradient_the_losses_and_the_queue_of_the_whole_batch(text, name):
    (whole, queue, expected), *others = (
        first_step(text, settings(batch={"examples": 9, "accumulate": accumulate}, **CONTRASTS[name]))
        for accumulate in (1, 2, 4)
    )
    assert ("xlco" in expected.losses) == (name != "off")
    for gradients, pushed, step in others:
        assert gradients.keys() == whole.keys()
        for key, gradient in whole.items():
            torch.testing.assert_close(gradients[key], gradient, atol=1e-10, rtol=0)
        assert step.losses == pytest.approx(expected.losses, rel=1e-10)
        assert step.ceilings == pytest.approx(expected.ceilings, rel=1e-12)
        assert step.counts == expected.counts
        if queue is None:
            continue
        assert torch.equal(pushed.meanings, queue.meanings)
        torch.testing.assert_close(pushed.keys, queue.keys, atol=1e-10, rtol=0)


def test_a_loss_that_is_not_finite_stops_before_the_update(text):
    trainer = training(text, settings())
    steps = train(trainer)
    next(steps)
    before = {name: p.detach().clone() for name, p in trainer.model.trained()}
    trainer.model.language_model.lm_head.bias.data.fill_(float("inf"))
    with pytest.raises(NonFiniteLoss, match=r"step 2: the loss of mmlm, tlm is not finite.*--resume"):
        next(steps)
    for name, parameter in trainer.model.trained():
        if "lm_head.bias" not in name and "decoder.bias" not in name:
            assert torch.equal(parameter, before[name]), name


def test_the_saved_encoder_opens_in_transformers_with_the_same_states(text, tmp_path):
    from transformers import AutoModel

    trainer = training(text, settings(steps=2))
    losses(trainer)
    save(trainer, text[1], tmp_path, 0.0)
    theirs = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False)
    (row,) = text[1].encode(["one red dog"])
    expected = theirs(torch.tensor(row[None], dtype=torch.int64)).last_hidden_state.mean(1)
    from core.text.batches import unmasked

    ours = trainer.model.eval().vectors(unmasked([row], 32), [2], "mean")[0]
    torch.testing.assert_close(ours, expected.detach(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "damage", ["state.json", "model.safetensors", "optimizer.safetensors", "contrast.safetensors"]
)
def test_a_damaged_checkpoint_is_refused(text, tmp_path, damage):
    trainer = training(text, settings(steps=1))
    losses(trainer)
    save(trainer, text[1], tmp_path, 0.0)
    path = tmp_path / damage
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match=r"cannot be read|is damaged"):
        load(training(text, settings(steps=1)), tmp_path)


def test_more_micro_batches_than_examples_are_refused(text):
    with pytest.raises(InputError, match=r"at least 9 examples.*got 8.*lower batch\.accumulate"):
        training(text, settings(batch={"accumulate": 9}))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch warns of its own code
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="needs a C++ compiler")
def test_compiled_layers_give_the_same_losses_in_one_graph_for_all_lengths(text):
    run_settings = settings(steps=3, enabled=False)
    expected = losses(training(text, run_settings))
    counters["stats"].clear()
    compiled = losses(training(text, run_settings.model_copy(update={"compile": True})))
    for ours, theirs in zip(compiled, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    # a layer has three parts, and the last one sees masked tokens only
    assert 3 <= counters["stats"]["unique_graphs"] <= 6


def test_token_entropy_is_that_of_the_sampled_languages(text):
    encoded, tokenizer = text
    run_settings = settings()
    sampler = Sampler(split(encoded, run_settings.text, 1, True), run_settings.text, 1)
    counts = encoded.token_counts(tokenizer.size)[:, 3:].astype(float)
    share = counts.sum(0) / counts.sum()
    share = share[share > 0]
    # all languages have equally many sentences, so MMLM sees them as they stand in the corpus
    expected = float(-(share * np.log(share)).sum())
    entropy = token_entropy(encoded, sampler, MMLM.reads, tokenizer.size)
    assert entropy == pytest.approx(expected, rel=1e-9)


def test_token_entropy_counts_special_tokens_where_they_are_masked(text):
    encoded, tokenizer = text
    run_settings = settings()
    sampler = Sampler(split(encoded, run_settings.text, 1, True), run_settings.text, 1)
    counts = encoded.token_counts(tokenizer.size).astype(float)
    # pairs hold the pivot en (language 0) and one of the others; two sentences share one <s>
    for task, weights, starts in ((MMLM, [1, 1, 1], 1.0), (TLM, [0.5, 0.25, 0.25], 0.5)):
        entropy = token_entropy(encoded, sampler, task.reads, tokenizer.size, special=True)
        share = np.array(weights) @ counts
        share[0] *= starts
        share = share[share > 0] / share.sum()
        assert entropy == pytest.approx(float(-(share * np.log(share)).sum()), rel=1e-9)
