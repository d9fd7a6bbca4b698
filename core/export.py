"""A checkpoint as others open it: transformers by `AutoModel`, sentence-transformers by `SentenceTransformer`."""

import json
from pathlib import Path
from typing import Any, Literal

from core.checkpoint import max_input_tokens, save_model
from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.text.tokenizer import Tokenizer


def export(
    model: InfoXLM, tokenizer: Tokenizer, folder: Path, layer: int, pooling: Literal["first", "mean"]
) -> None:
    """Writes a model into an existing folder: all layers, contrast head, key encoder and queue.

    `AutoModel` opens the whole encoder. `SentenceTransformer` opens the layers up to `layer` of the same weights and
    pools them. Its vectors equal those of `InfoXLM.vectors` for `<s> text </s>`; they are not normalised.

    Args:
        model: the model of a run.
        tokenizer: the tokenizer of that model.
        folder: exists and is empty.
        layer: hidden state that is pooled, from 1 to the number of layers.
        pooling: 'mean' over all tokens, or 'first'.

    Raises:
        InputError: the model has no such layer above the embeddings.
        OSError: the disk is full.
    """
    layers: int = model.encoder.config.num_hidden_layers
    if not 1 <= layer <= layers:
        raise InputError(f"expected a layer from 1 to {layers} to export, got {layer}")
    save_model(model, tokenizer, folder)
    (folder / "1_Pooling").mkdir()
    files: dict[str, Any] = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
        "sentence_bert_config.json": {
            "max_seq_length": max_input_tokens(model),
            "config_args": {"num_hidden_layers": layer},
        },
        "config_sentence_transformers.json": {"similarity_fn_name": "cosine"},
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.encoder.config.hidden_size,
            "pooling_mode_cls_token": pooling == "first",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": False,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
