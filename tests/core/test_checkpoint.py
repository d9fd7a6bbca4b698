"""Checkpoints opened for evaluation, and the memory of contrast taken over by another run."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save, save_file

import core.checkpoint
from core.checkpoint import continue_tasks, open_foreign, open_model, save_model
from core.errors import InputError
from core.objectives import Outcome
from core.objectives.xlco import XLCO
from core.processes import Shard
from core.text.batches import unmasked
from tests.core.checkpoints import foreign, tiny_tokenizer, tiny_xlmr
from tests.core.small import model, settings
from tests.core.training import losses, training, write_text
from tests.core.training import settings as training_settings


def test_a_foreign_checkpoint_gives_the_vectors_of_transformers(tmp_path):
    folder, theirs, _ = foreign(tmp_path)
    ours, tokenizer = open_foreign(str(folder))
    assert ours.settings.model.max_tokens == 32
    (row,) = tokenizer.encode(["one red dog"])
    with torch.no_grad():
        states = theirs(torch.tensor(row[None], dtype=torch.int64), output_hidden_states=True).hidden_states
    for layer, state in enumerate(states):
        for pooling, expected in (("mean", state.mean(1)), ("first", state[:, 0])):
            (vector,) = ours.vectors(unmasked([row], 32), [layer], pooling)
            np.testing.assert_allclose(vector, expected, atol=1e-6, rtol=0)


def test_a_tokenizer_larger_than_the_embeddings_is_refused(tmp_path):
    folder, _, _ = foreign(tmp_path)
    tiny_xlmr(20).save_pretrained(folder)
    with pytest.raises(InputError, match="embeddings for 20 tokens, but its tokenizer has"):
        open_foreign(str(folder))


@pytest.fixture
def saved(tmp_path):
    infoxlm = model(settings(momentum=0.5), seed=5)
    with torch.no_grad():
        task = XLCO.of(infoxlm)
        task.head.weight.add_(1.0)
        for count in (5, 6):
            pushed = torch.randn(count, 16), torch.arange(count)
            task.after_step(infoxlm, [Outcome(torch.zeros(()), count, 0.0, carry=pushed)], [Shard(count)])
    save_model(infoxlm, tiny_tokenizer(), tmp_path)
    return infoxlm, tmp_path


def test_head_key_encoder_and_queue_are_taken_over(saved):
    infoxlm, folder = saved
    fresh = model(settings(momentum=0.5), seed=6)
    assert continue_tasks(fresh, str(folder))
    assert (XLCO.of(fresh).queue.pointer, XLCO.of(fresh).queue.filled) == (3, 8)
    ours, theirs = (dict(side.named_parameters()) | dict(side.named_buffers()) for side in (fresh, infoxlm))
    for name, tensor in theirs.items():
        if not name.startswith("language_model."):
            assert torch.equal(ours[name], tensor), name


def test_a_checkpoint_without_memory_leaves_the_model_as_it_is(tmp_path):
    folder, _, _ = foreign(tmp_path)
    assert not continue_tasks(model(settings()), str(folder))


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        ({"queue": 9}, "size mismatch for queue.keys"),
        ({"keys": "query"}, "holds key_encoder"),
        ({"head": False}, "holds head.weight"),
        ({"layer": 3}, "lacks key_encoder.encoder.layer.2"),
    ],
)
def test_a_memory_of_other_settings_is_refused(saved, contrast, message):
    with pytest.raises(InputError, match=rf"{message}.*--model\.no-start-contrast"):
        continue_tasks(model(settings(**contrast)), str(saved[1]))


def test_a_checkpoint_whose_memory_lacks_a_part_is_refused(saved):
    infoxlm, folder = saved
    tensors = load_file(folder / "contrast.safetensors")
    del tensors["head.weight"]
    save_file(tensors, folder / "contrast.safetensors")
    with pytest.raises(InputError, match=r"lacks head\.weight"):
        open_model(folder, infoxlm.settings)


@pytest.mark.parametrize("state", [[99, 8], [-1, 8], [3, 9], [4, 3], [0.5, 8], [3]])
def test_a_queue_whose_pointer_lies_outside_is_refused(saved, state):
    infoxlm, folder = saved
    memory = load_file(folder / "contrast.safetensors")
    save_file(memory | {"queue._extra_state": torch.tensor(state)}, folder / "contrast.safetensors")
    with pytest.raises(InputError, match="place and count of keys in a queue of 8"):
        open_model(folder, infoxlm.settings)


DAMAGED = {
    "a step before the first": ("state.json", lambda raw: raw.replace(b'"step":2', b'"step":-2')),
    "a sampler that counts nothing": (
        "state.json",
        lambda raw: re.sub(rb'"sampler":{"[^"]*"', b'"sampler":{"x"', raw),
    ),
    "a list": ("state.json", lambda raw: b"[1]"),
    "no weights": ("model.safetensors", None),
    "a pointer of Git LFS": (
        "optimizer.safetensors",
        lambda raw: b"version https://git-lfs.github.com/spec/v1\n",
    ),
    "moments of another shape": ("optimizer.safetensors", lambda raw: save(transposed(raw))),
}


def transposed(raw):
    moments = load(raw)
    name = next(name for name in moments if name.endswith("/exp_avg") and moments[name].dim() == 2)
    return moments | {name: moments[name][:1].contiguous()}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_run_goes_on_only_from_a_whole_checkpoint(tmp_path, kind):
    text = write_text(tmp_path)
    trainer = training(text, training_settings(steps=2))
    losses(trainer)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    core.checkpoint.save(trainer, text[1], checkpoint, 1.0)
    core.checkpoint.load(training(text, training_settings(steps=2)), checkpoint)
    name, damage = DAMAGED[kind]
    if damage is None:
        (checkpoint / name).unlink()
    else:
        raw = (checkpoint / name).read_bytes()
        (checkpoint / name).write_bytes(damage(raw))
        assert (checkpoint / name).read_bytes() != raw
    with pytest.raises(InputError) as caught:
        core.checkpoint.load(training(text, training_settings(steps=2)), checkpoint)
    assert "\n" not in str(caught.value)
