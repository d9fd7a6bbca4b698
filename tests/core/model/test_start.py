"""Starting from a checkpoint that someone else has written."""

import json

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, XLMRobertaForMaskedLM

from core.config import ModelSettings, Settings
from core.errors import InputError
from core.model.infoxlm import language_model
from core.model.pretrained import open_language_model
from core.objectives import build_model
from core.task_settings import ContrastSettings
from tests.core.checkpoints import foreign, tiny_xlmr


def test_a_checkpoint_starts_with_its_own_weights_and_shape_and_our_dropout(tmp_path):
    folder, theirs, tokenizer = foreign(tmp_path, layers=2)
    assert theirs.config.hidden_dropout_prob == 0.1
    ours = language_model(ModelSettings(start=str(folder), max_tokens=32), tokenizer.size, seed=1)
    assert ours.config.num_hidden_layers == 2
    assert ours.config.hidden_dropout_prob == ours.config.attention_probs_dropout_prob == 0.0
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, atol=0, rtol=0)


def test_half_precision_weights_are_trained_in_float32(tmp_path):
    tiny_xlmr(50).half().save_pretrained(tmp_path)
    assert {p.dtype for p in open_language_model(str(tmp_path)).parameters()} == {torch.float32}


def test_an_encoder_without_a_vocabulary_head_gets_a_fresh_one(tmp_path):
    theirs = tiny_xlmr(50)
    theirs.roberta.save_pretrained(tmp_path)
    ours = open_language_model(str(tmp_path))
    for name, weight in theirs.roberta.state_dict().items():
        torch.testing.assert_close(ours.roberta.state_dict()[name], weight, atol=0, rtol=0)
    assert ours.lm_head.decoder.weight is ours.roberta.embeddings.word_embeddings.weight


def bert(folder):
    shape = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertForMaskedLM(BertConfig(**shape, intermediate_size=32)).save_pretrained(folder)


def pickled(folder):
    tiny_xlmr(50).config.save_pretrained(folder)
    torch.save({}, folder / "pytorch_model.bin")


def truncated(folder):
    tiny_xlmr(50).save_pretrained(folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def too_few_layers(folder):
    tiny_xlmr(50, layers=1).save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 2}))


def no_json(folder):
    (folder / "config.json").write_text("{")


MISTAKES = {
    "another architecture": (bert, "of model_type 'bert'"),
    "pickled weights": (pickled, "safetensors"),
    "a damaged file": (truncated, "cannot be opened"),
    "a missing layer": (too_few_layers, r"encoder.layer.1.*is missing"),
    "an empty folder": (lambda folder: None, "no config.json"),
    "a damaged config": (no_json, "cannot be opened"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_xlmr_checkpoint_is_refused_in_one_line(tmp_path, mistake):
    write, message = MISTAKES[mistake]
    write(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        open_language_model(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("start", ["/nowhere/at/all", "./xlmr", "a/b/c"])
def test_a_name_that_is_neither_folder_nor_hub_name_is_refused_without_asking_the_hub(start):
    with pytest.raises(InputError, match="expected a folder or a hub name"):
        open_language_model(start)


def test_settings_that_the_checkpoint_cannot_serve_are_refused(tmp_path):
    folder, _, tokenizer = foreign(tmp_path)
    start = {"start": str(folder)}
    with pytest.raises(InputError, match=r"positions for 32 tokens, model\.max_tokens is 33"):
        language_model(ModelSettings(**start, max_tokens=33), tokenizer.size, seed=1)
    with pytest.raises(InputError, match=r"set tokenizer\.folder"):
        language_model(ModelSettings(**start, max_tokens=32), tokenizer.size + 1, seed=1)
    run_settings = Settings(
        model=ModelSettings(**start, max_tokens=32), contrast=ContrastSettings(layer=4, queue=8)
    )
    with pytest.raises(InputError, match=r"contrast\.layer is 4, but the checkpoint has 3 layers"):
        build_model(language_model(run_settings.model, tokenizer.size, seed=1), run_settings)


def test_embeddings_beyond_the_checkpoints_own_tokenizer_are_cut_off(tmp_path):
    folder, _, tokenizer = foreign(tmp_path, layers=1)
    tiny_xlmr(tokenizer.size + 35, layers=1).save_pretrained(folder)
    ours = language_model(ModelSettings(start=str(folder), max_tokens=32), tokenizer.size, seed=1)
    theirs = XLMRobertaForMaskedLM.from_pretrained(folder).state_dict()
    weights = ours.state_dict()
    assert weights.keys() == theirs.keys()
    for name, weight in theirs.items():
        torch.testing.assert_close(weights[name], weight[: weights[name].shape[0]], atol=0, rtol=0)
    assert ours.lm_head.decoder.weight is ours.roberta.embeddings.word_embeddings.weight
    assert ours.lm_head.decoder.bias.shape == (tokenizer.size,)
    with pytest.raises(InputError, match="has a vocabulary of"):
        # another tokenizer, which is smaller, does not cut what the checkpoint's own one reads
        language_model(ModelSettings(start=str(folder), max_tokens=32), tokenizer.size - 1, seed=1)
