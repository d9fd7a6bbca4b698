"""A checkpoint that is no run of the lab: which of its hidden states is read, how its tokens are pooled, after what."""

import json
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from core.errors import InputError
from core.hub import checkpoint_file

POOLINGS: Final = {"cls": "first", "cls_token": "first", "mean": "mean", "mean_tokens": "mean"}
READ: Final = ("Transformer", "Pooling", "Normalize")
OWN: Final = "own"
"""The pooling of sentence vectors that are made by an encoder's own modules."""
T = TypeVar("T")


class Module(BaseModel):
    """An entry of `modules.json`: a class of sentence-transformers and the folder of its settings."""

    type: str
    path: str


class PromptFile(BaseModel):
    """`config_sentence_transformers.json`: words that a sentence is read after, by name, and which are the default."""

    prompts: dict[str, str] = Field(default_factory=dict)
    default_prompt_name: str | None = None


class UnreadVectors(InputError):
    """Sentence vectors that are made in a way that is not read: `part` says what of it."""

    def __init__(self, start: str, part: str) -> None:
        self.part = part
        super().__init__(
            f"the sentence vectors of {start!r} have {part}, which the packed path does not read: name --layer and "
            "--pooling"
        )


@dataclass(frozen=True)
class Prompts:
    """What a checkpoint wants to be read before a sentence.

    Attributes:
        text: put before every sentence; empty where the checkpoint names no default.
        names: of the prompts it has that are not empty.
    """

    text: str = ""
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """A sentence on how the prompts were used, for the result; empty where the checkpoint has none."""
        if self.text:
            return f"every sentence was read after {self.text!r}, the default prompt of the checkpoint"
        if self.names:
            return f"the checkpoint has prompts ({', '.join(self.names)}) and names no default: none was used"
        return ""


def own_reading(start: str, layers: int) -> tuple[int, str]:
    """Layer and pooling of the sentence vectors that the checkpoint defines, else two thirds up and the mean.

    Cosines do not see whether vectors are normalised, so that module is passed over.

    Raises:
        UnreadVectors: its sentence vectors are made in another way.
    """
    kinds = module_folders(start)
    if not kinds:
        return max(1, layers * 2 // 3), "mean"
    for kind in kinds:
        if kind not in READ:
            raise UnreadVectors(start, f"a module {kind}")
    config = _json(start, "sentence_bert_config.json", dict[str, Any]) or {}
    changes = config.get("config_kwargs") or config.get("config_args") or {}
    layer = changes.get("num_hidden_layers", layers) if isinstance(changes, dict) else layers
    if layer not in range(1, layers + 1):
        raise UnreadVectors(start, f"{layer!r} of {layers} layers")
    pooling = _pooling(start, kinds)
    modes = _modes(pooling)
    if len(modes) != 1 or not isinstance(modes[0], str) or modes[0] not in POOLINGS:
        raise UnreadVectors(start, f"pooling {' and '.join(map(str, modes)) or 'without a mode'}")
    if own_prompts(start).text and pooling.get("include_prompt") is False:
        raise UnreadVectors(start, "a prompt that is left out of the pooling")
    return int(layer), POOLINGS[modes[0]]


def module_folders(start: str) -> dict[str, str]:
    """The folder of each module by its class, for a checkpoint of sentence-transformers; empty for any other.

    Raises:
        InputError: the list of modules is damaged.
    """
    modules = _json(start, "modules.json", list[Module]) or []
    return {module.type.rsplit(".", 1)[-1]: module.path for module in modules}


def other_reading(start: str, layers: int, layer: int, pooling: str) -> str:
    """The difference of a layer and a pooling from the sentence vectors that a checkpoint defines; empty if none.

    Raises:
        InputError: its files are damaged.
    """
    if checkpoint_file(start, "modules.json") is None or pooling == OWN:
        return ""
    try:
        own_layer, own_pooling = own_reading(start, layers)
    except UnreadVectors as error:
        return f"not the checkpoint's own sentence vectors, which have {error.part}"
    if (own_layer, own_pooling) == (layer, pooling):
        return ""
    return f"not the checkpoint's own sentence vectors: layer {own_layer}, {own_pooling} pooling"


def own_prompts(start: str) -> Prompts:
    """The prompts of a sentence encoder, and the text of its default one.

    Raises:
        InputError: the file of prompts is damaged, or its default is none of them.
    """
    prompt_file = _json(start, "config_sentence_transformers.json", PromptFile) or PromptFile()
    default = prompt_file.default_prompt_name
    if default is not None and default not in prompt_file.prompts:
        raise InputError(
            f"config_sentence_transformers.json of {start!r} names the default prompt {default!r}, which is none of "
            f"{', '.join(prompt_file.prompts) or 'its prompts'}: mend default_prompt_name"
        )
    worded = tuple(name for name, text in prompt_file.prompts.items() if text)
    return Prompts("" if default is None else prompt_file.prompts[default], worded)


def _pooling(start: str, kinds: dict[str, str]) -> dict[str, Any]:
    folder = kinds.get("Pooling")
    return {} if folder is None else _json(start, f"{folder}/config.json", dict[str, Any]) or {}


def _modes(pooling: dict[str, Any]) -> list[Any]:
    """The modes of a Pooling module: `pooling_mode` names one or several, older files set a flag for each."""
    if "pooling_mode" in pooling:
        named = pooling["pooling_mode"]
        return list(named) if isinstance(named, list) else [named]
    flags = {name.removeprefix("pooling_mode_"): on for name, on in pooling.items()}
    return [name for name, on in flags.items() if on is True and f"pooling_mode_{name}" in pooling]


def _json(start: str, name: str, kind: type[T]) -> T | None:
    path = checkpoint_file(start, name)
    if path is None:
        return None
    try:
        return TypeAdapter(kind).validate_python(json.loads(path.read_bytes()))
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the file"
        raise InputError(
            f"{path} is damaged ({where}: {wrong['msg']}): name --layer and --pooling"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): name --layer and --pooling") from error
