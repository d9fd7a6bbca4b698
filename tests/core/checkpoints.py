"""Checkpoints small enough for tests, as other people's tools write them."""

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

from core.text.tokenizer import Tokenizer, train_tokenizer
from tests.core.text.conftest import sentences

SPECIAL = {
    "bos_token": "<s>", "cls_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "sep_token": "</s>",
    "unk_token": "<unk>", "mask_token": "<mask>",
}  # fmt: skip


def tiny_tokenizer() -> Tokenizer:
    return train_tokenizer((text for _, _, text in sentences(200)), 80)


def tiny_xlmr(vocabulary: int, layers: int = 3, positions: int = 34, seed: int = 0) -> XLMRobertaForMaskedLM:
    """XLM-R's own defaults where they matter: dropout 0.1, a head with bias, LayerNorm far from identity."""
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=vocabulary, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=positions, type_vocab_size=1, initializer_range=0.3,
    )  # fmt: skip
    return XLMRobertaForMaskedLM(config).eval()


def foreign(folder: Path, **shape) -> tuple[Path, XLMRobertaForMaskedLM, Tokenizer]:
    """A folder as transformers saves it, with its model and tokenizer."""
    tokenizer = tiny_tokenizer()
    model = tiny_xlmr(tokenizer.size, **shape)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend, **SPECIAL).save_pretrained(folder)
    return folder, model, tokenizer
