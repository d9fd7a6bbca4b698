"""Training state on disk: safetensors and JSON, nothing that can run code when it is read.

The encoder lies in the transformers layout, so that `AutoModel.from_pretrained` opens the folder; what tasks own and
the optimizer's moments lie beside it.
"""

from pathlib import Path
from typing import Any, Final

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from core.config import FORMAT_VERSION, Frozen, ModelSettings, Settings
from core.errors import InputError
from core.files import system_errors
from core.hub import checkpoint_file
from core.model.infoxlm import InfoXLM
from core.model.pretrained import open_language_model
from core.objectives import build_model
from core.task_settings import ContrastSettings
from core.text.pretrained import open_tokenizer
from core.text.tokenizer import PAD, Tokenizer
from core.train import Training

MOMENTS: Final = ("exp_avg", "exp_avg_sq", "step")


class SavedProgress(Frozen):
    """The progress of a run when its checkpoint was written; `state.json`."""

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
    progress = SavedProgress(step=training.step, seconds=seconds, sampler=training.sampler.state())
    (folder / "state.json").write_text(progress.model_dump_json(), encoding="utf-8")


def save_model(model: InfoXLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the files that `AutoModel` and `AutoTokenizer` open, and a file with the modules of each task.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    with system_errors():
        model.language_model.save_pretrained(folder)
        for section, task in model.tasks.items():
            if state := {name: tensor.contiguous() for name, tensor in task.state_dict().items()}:
                save_file(state, folder / task_file(section))
        # not XLMRobertaTokenizer: transformers builds that class anew from the vocabulary, without our normalizer
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend,
            model_max_length=max_input_tokens(model),
            bos_token="<s>",
            cls_token="<s>",
            pad_token="<pad>",
            eos_token="</s>",
            sep_token="</s>",
            unk_token="<unk>",
            mask_token="<mask>",
        ).save_pretrained(folder)
    tokenizer.save(folder)


def task_file(section: str) -> str:
    """The file of a checkpoint that holds the modules of a task.

    >>> task_file("contrast")
    'contrast.safetensors'
    """
    return f"{section}.safetensors"


def max_input_tokens(model: InfoXLM) -> int:
    """Tokens of the longest input that the model reads, special ones included."""
    return min(model.settings.model.max_tokens, model.language_model.config.max_position_embeddings - PAD - 1)


def read_progress(folder: Path) -> SavedProgress:
    """Reads how far the run of a checkpoint was.

    Raises:
        InputError: `state.json` is missing, damaged or of another version.
    """
    path = folder / "state.json"
    try:
        progress = SavedProgress.model_validate_json(path.read_bytes())
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


def load(training: Training, folder: Path) -> SavedProgress:
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
        for section, task in training.model.tasks.items():
            if task.state_dict():
                _restore_task(task, _file(folder, task_file(section)))
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
    """Opens the model of a checkpoint for evaluation, without optimizer.

    Raises:
        InputError: the folder holds no XLM-R style checkpoint in safetensors.
    """
    model = build_model(open_language_model(str(folder)), settings)
    for section, task in model.tasks.items():
        if (path := folder / task_file(section)).is_file():
            _restore_task(task, path)
    return model.eval()


def open_foreign(start: str) -> tuple[InfoXLM, Tokenizer]:
    """Opens any XLM-R style checkpoint for evaluation, with its tokenizer and without contrast.

    Args:
        start: a folder in the transformers layout, or a hub name.

    Raises:
        InputError: the checkpoint cannot be found or opened, holds no XLM-R, or its tokenizer has other special tokens.
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
    return build_model(language_model, settings).eval(), tokenizer


def continue_tasks(model: InfoXLM, start: str) -> bool:
    """Loads the modules of tasks from the files beside a checkpoint; returns False if there are no such files.

    Raises:
        InputError: a file is damaged, or was written with other settings of the task.
    """
    paths = {section: checkpoint_file(start, task_file(section)) for section in model.tasks}
    present = {section: path for section, path in paths.items() if path is not None}
    for section, path in present.items():
        try:
            _restore_task(model.tasks[section], path)
        except InputError as error:
            raise InputError(
                f"{error}: train with the {section} settings of that run, or leave its memory with "
                "--model.no-start-contrast"
            ) from error
    return bool(present)


def _restore_task(task: nn.Module, path: Path) -> None:
    try:
        report = task.load_state_dict(load_file(path), strict=False)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, SafetensorError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if report.missing_keys or report.unexpected_keys:
        difference = (
            f"lacks {report.missing_keys[0]}" if report.missing_keys else f"holds {report.unexpected_keys[0]}"
        )
        raise InputError(f"{path} {difference}, unlike these settings")


def _moments(training: Training) -> dict[str, Tensor]:
    moments: dict[str, Tensor] = {}
    for name, parameter in training.model.trained():
        state: dict[str, Any] = training.optimizer.state.get(parameter, {})
        moments |= {f"{name}/{key}": state[key].contiguous() for key in MOMENTS if key in state}
    return moments or {"empty": torch.zeros(0)}


def _restore_moments(training: Training, saved: dict[str, Tensor]) -> None:
    saved.pop("empty", None)
    trained = dict(training.model.trained())
    # older versions left out the section of a parameter that a task owns
    shortened = {
        name.split(".", 1)[1]: name for name in trained if name.split(".")[0] in training.model.tasks
    }
    for name in {key.rsplit("/", 1)[0] for key in saved}:
        parameter = trained.get(name, trained.get(shortened.get(name, "")))
        if parameter is None:
            raise ValueError(f"the optimizer has moments of {name}, which is no parameter of this run")
        state = {key: saved[f"{name}/{key}"].to(parameter.device) for key in MOMENTS}
        if any(state[key].shape != parameter.shape for key in MOMENTS[:2]) or state["step"].numel() != 1:
            raise ValueError(f"the moments of {name} have another shape")
        training.optimizer.state[parameter] = state
