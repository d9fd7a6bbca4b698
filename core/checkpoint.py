"""Training state on disk: safetensors and JSON, nothing that can run code when it is read.

The encoder lies in the transformers layout, so that `AutoModel.from_pretrained` opens the folder; the contrast
head, the memory of keys and the optimizer lie beside it.
"""

from pathlib import Path
from typing import Any, Final

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.config import FORMAT_VERSION, ContrastSettings, Frozen, ModelSettings, Settings
from core.errors import InputError
from core.files import system_errors
from core.hub import checkpoint_file
from core.model.infoxlm import InfoXLM
from core.model.pretrained import open_language_model
from core.text.pretrained import open_tokenizer
from core.text.tokenizer import PAD, Tokenizer
from core.train import Training

MOMENTS: Final = ("exp_avg", "exp_avg_sq", "step")
CONTRAST: Final = "contrast.safetensors"


class Progress(Frozen):
    """How far a run was when its checkpoint was written; `state.json`."""

    format: int = FORMAT_VERSION
    step: NonNegativeInt
    seconds: NonNegativeFloat
    sampler: dict[str, int]


def save(training: Training, tokenizer: Tokenizer, folder: Path, seconds: float) -> None:
    """Writes the whole state of training into an existing folder.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    save_model(training.model, tokenizer, folder)
    with system_errors():
        save_file(_moments(training), folder / "optimizer.safetensors")
    progress = Progress(step=training.step, seconds=seconds, sampler=training.sampler.state())
    (folder / "state.json").write_text(progress.model_dump_json(), encoding="utf-8")


def save_model(model: InfoXLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes what `AutoModel` and `AutoTokenizer` open, and contrast head, key encoder and queue beside it.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    with system_errors():
        model.language_model.save_pretrained(folder)
        save_file(_memory(model), folder / CONTRAST)
        # not XLMRobertaTokenizer: transformers builds that class anew from the vocabulary, without our normalizer
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend,
            model_max_length=room(model),
            bos_token="<s>",
            cls_token="<s>",
            pad_token="<pad>",
            eos_token="</s>",
            sep_token="</s>",
            unk_token="<unk>",
            mask_token="<mask>",
        ).save_pretrained(folder)
    tokenizer.save(folder)


def room(model: InfoXLM) -> int:
    """Tokens of the longest input that the model reads, special ones included."""
    return min(model.settings.model.max_tokens, model.language_model.config.max_position_embeddings - PAD - 1)


def read_progress(folder: Path) -> Progress:
    """How far the run of a checkpoint was.

    Raises:
        InputError: `state.json` is missing, damaged or of another version.
    """
    path = folder / "state.json"
    try:
        progress = Progress.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"the checkpoint {folder} cannot be read ({error}): start a new run") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"])) or "its content"
        if wrong["type"] == "extra_forbidden":
            raise InputError(
                f"{path} has {field}, which this version does not know: go on with the version that wrote it"
            ) from error
        raise InputError(f"{path} is damaged, {field}: {wrong['msg']}: start a new run") from error
    if progress.format != FORMAT_VERSION:
        raise InputError(
            f"{path} has format {progress.format}, this version reads {FORMAT_VERSION}: go on with the version that "
            "wrote it"
        )
    return progress


def load(training: Training, folder: Path) -> Progress:
    """Puts a fresh `Training` of the same settings into the state that `save` wrote.

    Raises:
        InputError: the folder is incomplete or was written by another version or with other settings.
    """
    progress = read_progress(folder)
    try:
        weights = load_file(_file(folder, "model.safetensors"))
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
        _restore_memory(training.model, folder / CONTRAST)
        _restore_moments(training, load_file(_file(folder, "optimizer.safetensors")))
        training.sampler.restore(progress.sampler)
    except InputError:
        raise
    except (OSError, SafetensorError, ValueError, RuntimeError, LookupError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the checkpoint {folder} cannot be read ({reason}): start a new run") from error
    training.step = progress.step
    return progress


def _file(folder: Path, name: str) -> Path:
    path = checkpoint_file(str(folder), name)
    if path is None:
        raise InputError(f"the checkpoint {folder} lacks {name}: start a new run")
    return path


def open_model(folder: Path, settings: Settings) -> InfoXLM:
    """The model of a checkpoint for evaluation, without optimizer.

    Raises:
        InputError: the folder holds no XLM-R style checkpoint in safetensors.
    """
    model = InfoXLM(open_language_model(str(folder)), settings)
    if (folder / CONTRAST).is_file():
        _restore_memory(model, folder / CONTRAST)
    return model.eval()


def open_foreign(start: str) -> tuple[InfoXLM, Tokenizer]:
    """Any XLM-R style checkpoint for evaluation, with its tokenizer: the encoder, without contrast.

    Args:
        start: a folder in the transformers layout, or a hub name.

    Raises:
        InputError: it cannot be found or opened, holds no XLM-R, or its tokenizer is not XLM-R's kind.
    """
    language_model, tokenizer = open_language_model(start), open_tokenizer(start)
    config = language_model.config
    if tokenizer.size > config.vocab_size:
        raise InputError(
            f"{start!r} has embeddings for {config.vocab_size:,} tokens, but its tokenizer has {tokenizer.size:,}"
        )
    settings = Settings(
        model=ModelSettings(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            heads=config.num_attention_heads,
            feedforward=config.intermediate_size,
            max_tokens=config.max_position_embeddings - PAD - 1,
            start=start,
        ),
        contrast=ContrastSettings(enabled=False),
    )
    return InfoXLM(language_model, settings).eval(), tokenizer


def continue_contrast(model: InfoXLM, start: str) -> bool:
    """Takes contrast head, key encoder and queue from where they lie beside a checkpoint; False if there are none.

    Raises:
        InputError: they are damaged, or were made with other contrast settings.
    """
    path = checkpoint_file(start, CONTRAST)
    if path is None:
        return False
    try:
        _restore_memory(model, path)
    except InputError as error:
        raise InputError(
            f"{error}: train with the contrast settings of that run, or leave its memory with "
            "--model.no-start-contrast"
        ) from error
    return True


def _memory(model: InfoXLM) -> dict[str, Tensor]:
    state = {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith("language_model.") and isinstance(tensor, Tensor)
    }
    return state or {"empty": torch.zeros(0)}


def _restore_memory(model: InfoXLM, path: Path) -> None:
    try:
        state = load_file(path)
        state.pop("empty", None)
        held = len(state.get("queue.keys", model.queue.keys))
        if held != model.queue.size:
            raise InputError(
                f"size mismatch for queue.keys: {held} there, {model.queue.size} in these settings"
            )
        report = model.load_state_dict(state, strict=False)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    missing = [name for name in report.missing_keys if not name.startswith("language_model.")]
    if missing or report.unexpected_keys:
        told = f"lacks {missing[0]}" if missing else f"holds {report.unexpected_keys[0]}"
        raise InputError(f"{path} {told}, unlike these settings")


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
            state = {key: saved[f"{name}/{key}"].to(parameter.device) for key in MOMENTS}
            if any(state[key].shape != parameter.shape for key in MOMENTS[:2]) or state["step"].numel() != 1:
                raise ValueError(f"the moments of {name} have another shape")
            training.optimizer.state[parameter] = state
