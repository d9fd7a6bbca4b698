"""The config of a checkpoint and the shapes of its tensors, checked before any weight is loaded.

A stranger's config may claim anything. It is compared with the headers of the safetensors files, so that nothing is
allocated for a shape that is not there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from transformers import XLMRobertaConfig
from transformers.activations import ACT2FN

from core.errors import InputError
from core.hub import checkpoint_file, describe_folder
from core.text.tokenizer import BOS, EOS, PAD

WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
FLOATS: Final = ("F64", "F32", "F16", "BF16")
LAYER: Final = re.compile(r"encoder\.layer\.(\d+)\.")
Count = Annotated[int, Field(strict=True, gt=0)]
Shapes = dict[str, tuple[int, ...]]


class Layout(BaseModel):
    """The fields of an XLM-R `config.json` that shape the encoder, with XLM-R's defaults; others are not read."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    vocab_size: Count = 30_522
    hidden_size: Count = 768
    num_hidden_layers: Count = 12
    num_attention_heads: Count = 12
    intermediate_size: Count = 3_072
    max_position_embeddings: Annotated[int, Field(strict=True, ge=PAD + 1 + 8)] = 512
    type_vocab_size: Count = 2
    layer_norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-12
    initializer_range: Annotated[float, Field(ge=0.0, lt=10.0)] = 0.02
    hidden_act: str = "gelu"

    @property
    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The tensors that hold every dimension, by their names in the encoder."""
        hidden, feedforward = self.hidden_size, self.intermediate_size
        yield "embeddings.word_embeddings.weight", (self.vocab_size, hidden)
        yield "embeddings.position_embeddings.weight", (self.max_position_embeddings, hidden)
        yield "embeddings.token_type_embeddings.weight", (self.type_vocab_size, hidden)
        for layer in range(self.num_hidden_layers):
            yield f"encoder.layer.{layer}.attention.self.query.weight", (hidden, hidden)
            yield f"encoder.layer.{layer}.intermediate.dense.weight", (feedforward, hidden)


def checked_config(start: str, dropout: float) -> XLMRobertaConfig:
    """Reads the config of an XLM-R checkpoint and checks that the tensors have the shapes that it names.

    Args:
        start: a folder in the transformers layout, or a hub name.
        dropout: on hidden states and attention.

    Raises:
        InputError: the config is missing or not of XLM-R, a field is out of range, or weights are quantised, missing
            or of other shapes; in one line that names the field or tensor.
    """
    layout = _layout(start)
    shapes = {name.removeprefix("roberta."): shape for name, shape in tensor_shapes(start).items()}
    _check_shapes(start, layout, shapes)
    return XLMRobertaConfig(
        **layout.model_dump(),
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        bos_token_id=BOS,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )


def _layout(start: str) -> Layout:
    raw = checkpoint_config(start)
    if raw.get("model_type") != "xlm-roberta":
        raise InputError(
            f"expected an XLM-R style checkpoint, got {start!r} of model_type {raw.get('model_type')!r}"
        )
    if checkpoint_file(start, "adapter_config.json") is not None:
        raise InputError(f"expected an XLM-R style checkpoint, got {start!r}, which {describe_folder(start)}")
    if raw.get("quantization_config") is not None:
        raise InputError(
            f"{start!r} is quantised (quantization_config): take the checkpoint it was made from"
        )
    try:
        layout = Layout.model_validate(raw)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"]))
        raise InputError(
            f"config.json of {start!r} is no XLM-R's: {field} is {repr(wrong['input'])[:80]}, {wrong['msg']}"
        ) from error
    if layout.hidden_size % layout.num_attention_heads:
        raise InputError(
            f"config.json of {start!r} is no XLM-R's: {layout.num_attention_heads} num_attention_heads do not divide "
            f"hidden_size {layout.hidden_size}"
        )
    if layout.hidden_act not in ACT2FN:
        raise InputError(
            f"config.json of {start!r} is no XLM-R's: hidden_act {layout.hidden_act[:80]!r} is not known"
        )
    return layout


def checkpoint_config(start: str) -> dict[str, Any]:
    """The `config.json` of a checkpoint, as a stranger wrote it.

    Raises:
        InputError: there is none, or it is damaged.
    """
    return _json(start, "config.json")


def _json(start: str, name: str) -> dict[str, Any]:
    path = checkpoint_file(start, name)
    if path is None:
        raise InputError(
            f"expected a checkpoint in the layout of transformers, got {start!r}, which has no config.json: it "
            f"{describe_folder(start)}"
        )
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be opened as JSON ({error}): fetch the checkpoint again") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} cannot be opened: expected a JSON object, got {type(raw).__name__}")
    return raw


def tensor_shapes(start: str) -> Shapes:
    """Shapes of all tensors of a checkpoint by their names, read from the headers of its safetensors files.

    Raises:
        InputError: there are none, one is missing or damaged, or a tensor is quantised.
    """
    shapes: Shapes = {}
    for path in _weight_files(start):
        try:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118, it is no dict
                    part = tensors.get_slice(name)
                    if part.get_dtype() not in FLOATS and "position_ids" not in name:
                        raise InputError(
                            f"{path} holds {name} as {part.get_dtype()}, not as numbers with a fraction: it is "
                            "quantised, take the checkpoint it was made from"
                        )
                    shapes[name] = tuple(part.get_shape())
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"{path} cannot be opened as safetensors ({str(error).splitlines()[0]}): fetch it again"
            ) from error
    return shapes


def _weight_files(start: str) -> list[Path]:
    whole = checkpoint_file(start, WEIGHTS)
    if whole is not None:
        return [whole]
    if checkpoint_file(start, INDEX) is None:
        raise InputError(
            f"expected {WEIGHTS} in the checkpoint {start!r}, found none: it {describe_folder(start)}"
        )
    named = _json(start, INDEX).get("weight_map")
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise InputError(f"{INDEX} of {start!r} cannot be opened: expected a weight_map of tensors to files")
    files = {name: checkpoint_file(start, name) for name in sorted(set(named.values()))}
    lacking = [name for name, path in files.items() if path is None]
    if lacking:
        raise InputError(f"{start!r} holds no whole encoder: its file {lacking[0]} is missing")
    return [path for path in files.values() if path is not None]


def _check_shapes(start: str, layout: Layout, shapes: Shapes) -> None:
    held = 1 + max((int(match[1]) for name in shapes if (match := LAYER.match(name))), default=-1)
    if held > layout.num_hidden_layers:
        raise InputError(
            f"config.json of {start!r} has {layout.num_hidden_layers} layers, its weights {held}: part of the model "
            f"would be left out in silence, set num_hidden_layers to {held} or cut the weights"
        )
    for name, shape in layout.shapes:
        if name not in shapes:
            raise InputError(f"{start!r} holds no whole XLM-R encoder: {name} is missing")
        if shapes[name] != shape:
            raise InputError(
                f"config.json of {start!r} does not describe its weights: {name} should be {list(shape)}, "
                f"is {list(shapes[name])}"
            )
