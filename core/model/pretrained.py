"""XLM-R from a checkpoint: a folder or a hub name, with weights in safetensors."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import XLMRobertaForMaskedLM

from core.errors import InputError
from core.model.encoder import ATTENTION
from core.model.layout import checked_config


def open_language_model(start: str, dropout: float = 0.0) -> XLMRobertaForMaskedLM:
    """Opens XLM-R with its vocabulary head in float32, whatever precision the checkpoint was saved in.

    A checkpoint without that head (a sentence encoder) gets a fresh head; pickled weights are never read.

    Args:
        start: a folder in the transformers layout, or a hub name.
        dropout: on hidden states and attention; the shape is the checkpoint's own.

    Raises:
        InputError: the checkpoint cannot be found or opened, or holds no XLM-R encoder.
    """
    config = checked_config(start, dropout)
    try:
        opened: Any = XLMRobertaForMaskedLM.from_pretrained(
            start,
            config=config,
            use_safetensors=True,
            attn_implementation=ATTENTION,
            local_files_only=Path(start).is_dir(),
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{start!r} cannot be opened as an XLM-R checkpoint in safetensors: {reason}"
        ) from error
    model, report = opened
    lacking = sorted(name for name in report["missing_keys"] if not name.startswith("lm_head."))
    if lacking:
        raise InputError(f"{start!r} holds no whole XLM-R encoder: {lacking[0]} is missing")
    return model
