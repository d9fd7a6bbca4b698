"""An exported run as others open it."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from core.config import ModelSettings, Settings
from core.errors import InputError
from core.export import export
from core.model.infoxlm import language_model
from core.objectives import build_model
from core.task_settings import ContrastSettings
from core.text.batches import unmasked
from tests.core.checkpoints import tiny_tokenizer

TEXTS = ["one red dog", "deux  chats\tbleus", "一红狗", "ﬁne Ⅳ", "dog " * 60]


@pytest.fixture(scope="module")
def checkpoint():
    run_settings = Settings(
        model=ModelSettings(layers=3, hidden=16, heads=2, feedforward=32, max_tokens=32, embedding_std=0.3),
        contrast=ContrastSettings(layer=2, queue=8),
    )
    tokenizer = tiny_tokenizer()
    return build_model(language_model(run_settings.model, tokenizer.size, 3), run_settings).eval(), tokenizer


def ours(checkpoint, layer, pooling):
    model, tokenizer = checkpoint
    return model.vectors(unmasked(tokenizer.encode(TEXTS), 32), [layer], pooling)[0].numpy()


@pytest.mark.parametrize(("layer", "pooling"), [(1, "mean"), (2, "first"), (2, "mean"), (3, "mean")])
def test_sentence_transformers_gives_our_vectors(checkpoint, tmp_path, layer, pooling):
    export(*checkpoint, tmp_path, layer, pooling)
    theirs = SentenceTransformer(str(tmp_path), device="cpu", local_files_only=True)
    assert len(theirs[0].auto_model.encoder.layer) == layer
    np.testing.assert_allclose(theirs.encode(TEXTS), ours(checkpoint, layer, pooling), atol=1e-6, rtol=0)


def test_automodel_gives_our_hidden_states(checkpoint, tmp_path):
    export(*checkpoint, tmp_path, 2, "mean")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    theirs = AutoModel.from_pretrained(tmp_path)
    batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        states = theirs(**batch, output_hidden_states=True).hidden_states
    mask = batch["attention_mask"][:, :, None]
    for layer, state in enumerate(states):
        mean = (state * mask).sum(1) / mask.sum(1)
        np.testing.assert_allclose(mean.numpy(), ours(checkpoint, layer, "mean"), atol=1e-6, rtol=0)


def test_the_vocabulary_head_is_exported_too(checkpoint, tmp_path):
    export(*checkpoint, tmp_path, 2, "mean")
    head = AutoModelForMaskedLM.from_pretrained(tmp_path).lm_head.state_dict()
    for name, weight in checkpoint[0].language_model.lm_head.state_dict().items():
        torch.testing.assert_close(head[name], weight, atol=0, rtol=0)


def test_a_layer_that_is_no_layer_is_refused(checkpoint, tmp_path):
    for layer in (0, 4):
        with pytest.raises(InputError, match=f"from 1 to 3 to export, got {layer}"):
            export(*checkpoint, tmp_path, layer, "mean")
