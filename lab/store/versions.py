"""Reads runs and studies of other versions: settings added later get the value that applied before they existed."""

import copy
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from core.config import FORMAT_VERSION
from core.errors import InputError

BEFORE: Final[dict[str, tuple[str, Any]]] = {
    "world.relations": ("c71413a", None),
    "contrast.prefill": ("627db31", False),
    "mmlm.examples": ("b1f0a0f", None),
    "tlm.examples": ("b1f0a0f", None),
    "contrast.examples": ("b1f0a0f", None),
    "mmlm.mask_special": ("8027a4e", False),
    "tlm.mask_special": ("8027a4e", False),
    "contrast.mixup_languages": ("8027a4e", "same"),
    "contrast.momentum_precision": ("8027a4e", "float32"),
    "model.start_contrast": ("bc9c3ba", False),
    "tokenizer.byte_fallback": ("84f8038", False),
    "tokenizer.algorithm": ("a980631", None),
    "tokenizer.allocation": ("a980631", "joint"),
    "tokenizer.alpha": ("a980631", 0.7),
    "tokenizer.beta": ("a980631", 0.7),
    "tokenizer.gain": ("a980631", "line"),
    "tokenizer.sizes": ("a980631", 50),
    "tokenizer.step": ("a980631", None),
    "tokenizer.train_each_size": ("a980631", False),
    "mmlm.targets": ("1dab1ee", "full"),
    "mmlm.neighbours": ("1dab1ee", 50),
    "mmlm.refresh": ("1dab1ee", 500),
    "tlm.targets": ("1dab1ee", "full"),
    "tlm.neighbours": ("1dab1ee", 50),
    "tlm.refresh": ("1dab1ee", 500),
    "weam.enabled": ("8bc8c7d", False),
    "weam.weight": ("8bc8c7d", 0.5),
    "weam.examples": ("8bc8c7d", None),
    "weam.rate": ("8bc8c7d", 0.15),
    "weam.mask_share": ("8bc8c7d", 0.8),
    "weam.random_share": ("8bc8c7d", 0.1),
    "weam.mask_special": ("8bc8c7d", False),
    "weam.mass": ("8bc8c7d", 0.3),
    "weam.head": ("8bc8c7d", "shared"),
    "weam.prior": ("8bc8c7d", "aligner"),
    "dwa.enabled": ("a0796e1", False),
    "dwa.weight": ("a0796e1", 1.0),
    "dwa.examples": ("a0796e1", None),
    "dwa.rate": ("a0796e1", 0.15),
    "dwa.mask_share": ("a0796e1", 0.8),
    "dwa.random_share": ("a0796e1", 0.1),
    "dwa.mask_special": ("a0796e1", False),
    "dwa.layer": ("a0796e1", None),
}
"""Settings that the first version did not have: the commit that added each, and the value of every run before it."""


def settings_then(settings: Any) -> Any:
    """The settings of a file, with settings that its version did not have set to the values that applied then."""
    filled = copy.deepcopy(settings)
    for path, (_, value) in BEFORE.items():
        *groups, name = path.split(".")
        group = filled
        for each in groups:
            group = group.setdefault(each, {}) if isinstance(group, dict) else None
        if isinstance(group, dict):
            group.setdefault(name, value)
    return filled


def read_document(what: str, path: Path) -> dict[str, Any]:
    """Reads a JSON object of a run or study.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        raw = json.loads(path.read_bytes())
        if not isinstance(raw, dict):
            raise ValueError("it is no JSON object")
        return raw
    except (OSError, ValueError) as error:
        raise InputError(
            f"{what} is half written or damaged ({path}: {error}): put back a copy of that file"
        ) from error


def check_format(what: str, raw: dict[str, Any]) -> None:
    """Raises InputError where a file has a format that this version does not read.

    Args:
        what: the run or study, such as `run toy-1`.
        raw: contents of its file.
    """
    file_format = raw.get("format")
    if file_format == FORMAT_VERSION:
        return
    age = "a newer" if isinstance(file_format, int) and file_format > FORMAT_VERSION else "another"
    raise InputError(
        f"{what} has format {file_format}, this version ({version('parallax-lab')}) reads {FORMAT_VERSION}: open it "
        f"with {age} version, the one that began it: {_written_by(raw)}"
    )


def refusal(what: str, raw: dict[str, Any], error: ValidationError) -> InputError:
    """The error for a file with fields that only another version knows, or with values that are no settings."""
    unknown = [each for each in error.errors() if each["type"] == "extra_forbidden"]
    fault = (unknown or error.errors())[0]
    path = ".".join(map(str, fault["loc"]))
    if unknown:
        return InputError(
            f"{what} has {path}, which this version ({version('parallax-lab')}) does not know: open it with the "
            f"version that began it: {_written_by(raw)}"
        )
    return InputError(f"{what} cannot be read, {path}: {fault['msg']}: put back what its file held before")


def written_by(versions: dict[str, str], commit: str | None) -> str:
    """The version and commit of the lab that began a run."""
    name = f"version {versions.get('parallax-lab', 'unknown')}"
    return f"{name}, commit {commit[:9]}" if commit else name


def _written_by(raw: dict[str, Any]) -> str:
    versions, commit = raw.get("versions"), raw.get("commit")
    return written_by(
        versions if isinstance(versions, dict) else {}, commit if isinstance(commit, str) else None
    )
