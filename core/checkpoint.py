"""Training state on disk: safetensors and JSON, nothing that can run code when it is read.

The encoder lies in the transformers layout, so that `AutoModel.from_pretrained` opens the folder; the contrast
head, the memory of keys and the optimizer lie beside it.
"""

import json
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import XLMRobertaForMaskedLM, XLMRobertaTokenizer

from core.config import FORMAT_VERSION, Frozen, Settings
from core.errors import InputError
from core.model.encoder import ATTENTION
from core.model.infoxlm import InfoXLM
from core.text.tokenizer import Tokenizer
from core.train import Training

MOMENTS: Final = ("exp_avg", "exp_avg_sq", "step")


class Progress(Frozen):
    """How far a run was when its checkpoint was written; `state.json`."""

    format: int = FORMAT_VERSION
    step: int
    seconds: float
    sampler: dict[str, int]


def save(training: Training, tokenizer: Tokenizer, folder: Path, seconds: float) -> None:
    """Writes the whole state of training into an existing folder.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    model = training.model
    try:
        model.language_model.save_pretrained(folder)
        save_file(_memory(model), folder / "contrast.safetensors")
        save_file(_moments(training), folder / "optimizer.safetensors")
    except SafetensorError as error:
        raise OSError(f"{folder}: {error}") from error
    XLMRobertaTokenizer(tokenizer_object=tokenizer.backend).save_pretrained(folder)
    tokenizer.save(folder)
    progress = Progress(step=training.step, seconds=seconds, sampler=training.sampler.state())
    (folder / "state.json").write_text(progress.model_dump_json(), encoding="utf-8")


def load(training: Training, folder: Path) -> Progress:
    """Puts a fresh `Training` of the same settings into the state that `save` wrote.

    Raises:
        InputError: the folder is incomplete or was written by another version or with other settings.
    """
    try:
        progress = Progress.model_validate_json((folder / "state.json").read_bytes())
        if progress.format != FORMAT_VERSION:
            raise InputError(
                f"{folder} has format {progress.format}, this version reads {FORMAT_VERSION}: start a new run"
            )
        weights = load_file(folder / "model.safetensors")
        missing = training.model.language_model.load_state_dict(weights, strict=False).missing_keys
        tied = {
            "lm_head.decoder.weight",
            "lm_head.decoder.bias",
            "lm_head.bias",
            "roberta.embeddings.word_embeddings.weight",
        }
        if set(missing) - tied:
            raise InputError(
                f"{folder}/model.safetensors lacks {sorted(missing)[0]}: it belongs to another model"
            )
        training.model.language_model.tie_weights()
        _restore_memory(training.model, load_file(folder / "contrast.safetensors"))
        _restore_moments(training, load_file(folder / "optimizer.safetensors"))
    except (OSError, SafetensorError, ValidationError, RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the checkpoint {folder} cannot be read ({reason}): start a new run") from error
    training.sampler.restore(progress.sampler)
    training.step = progress.step
    return progress


def open_model(folder: Path, settings: Settings) -> InfoXLM:
    """The model of a checkpoint for evaluation, without optimizer.

    Raises:
        InputError: the folder holds no XLM-R style checkpoint in safetensors.
    """
    try:
        language_model = XLMRobertaForMaskedLM.from_pretrained(
            folder, use_safetensors=True, attn_implementation=ATTENTION, local_files_only=True
        )
        model = InfoXLM(language_model, settings)
        if (folder / "contrast.safetensors").is_file():
            _restore_memory(model, load_file(folder / "contrast.safetensors"))
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, json.JSONDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"expected a checkpoint in {folder}, which cannot be opened: {reason}") from error
    return model.eval()


def _memory(model: InfoXLM) -> dict[str, Tensor]:
    state = {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith("language_model.") and isinstance(tensor, Tensor)
    }
    return state or {"empty": torch.zeros(0)}


def _restore_memory(model: InfoXLM, state: dict[str, Tensor]) -> None:
    state.pop("empty", None)
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    if unexpected:
        raise InputError(f"contrast.safetensors holds {unexpected[0]}, which these settings do not have")


def _moments(training: Training) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, parameter in training.model.trained():
        state: dict[str, Any] = training.optimizer.state.get(parameter, {})
        found |= {f"{name}/{key}": state[key].contiguous() for key in MOMENTS if key in state}
    return found or {"empty": torch.zeros(0)}


def _restore_moments(training: Training, saved: dict[str, Tensor]) -> None:
    if "empty" in saved:
        return
    for name, parameter in training.model.trained():
        if f"{name}/step" in saved:
            training.optimizer.state[parameter] = {
                key: saved[f"{name}/{key}"].to(parameter.device) for key in MOMENTS
            }
