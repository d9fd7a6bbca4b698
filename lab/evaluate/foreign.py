"""A checkpoint that is no run of the lab: which of its hidden states is read, and how its tokens are pooled."""

import json
from typing import Any, Final

from core.errors import InputError
from core.hub import checkpoint_file

POOLINGS: Final = {"cls": "first", "cls_token": "first", "mean": "mean", "mean_tokens": "mean"}
READ: Final = ("Transformer", "Pooling", "Normalize")


def own_reading(start: str, layers: int) -> tuple[int, str]:
    """Layer and pooling: of the sentence vectors if the checkpoint defines some, else two thirds up and the mean.

    Cosines do not see whether vectors are normalised, so that module is passed over.

    Raises:
        InputError: its sentence vectors are made in a way that is not read here.
    """
    modules = _json(start, "modules.json")
    if modules is None:
        return max(1, layers * 2 // 3), "mean"
    kinds = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in modules}
    for kind in kinds:
        if kind not in READ:
            raise _unread(start, f"a module {kind}")
    config = _json(start, "sentence_bert_config.json") or {}
    changes = config.get("config_kwargs") or config.get("config_args") or {}
    modes = _modes(_json(start, f"{kinds.get('Pooling')}/config.json") or {})
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise _unread(start, f"pooling {' and '.join(modes) or 'without a mode'}")
    return int(changes.get("num_hidden_layers", layers)), POOLINGS[modes[0]]


def _modes(pooling: dict[str, Any]) -> list[str]:
    """Of a Pooling module: `pooling_mode` names one or several, older files set a flag for each."""
    if "pooling_mode" in pooling:
        named = pooling["pooling_mode"]
        return [named] if isinstance(named, str) else list(named)
    flags = {name.removeprefix("pooling_mode_"): on for name, on in pooling.items()}
    return [name for name, on in flags.items() if on is True and f"pooling_mode_{name}" in pooling]


def _unread(start: str, what: str) -> InputError:
    return InputError(
        f"the sentence vectors of {start!r} have {what}, which is not read here: name --layer and --pooling"
    )


def _json(start: str, name: str) -> Any:
    path = checkpoint_file(start, name)
    if path is None:
        return None
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): name --layer and --pooling") from error
