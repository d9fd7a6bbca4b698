"""Files of a checkpoint, which is named by its folder or by its name on the Hugging Face hub."""

import re
from pathlib import Path
from typing import Final

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from core.errors import InputError

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
KINDS: Final = (
    ("adapter_config.json", "holds an adapter (LoRA): merge it into its model with peft's merge_and_unload, save that"),
    ("pytorch_model*.bin", "holds pickled weights, which are never read: open it where you trust it with AutoModel and "
                           "save_pretrained it to a new folder, which writes safetensors"),
    ("model*.pt", "holds a fairseq checkpoint, which is pickled and never read: convert it to transformers' files"),
    ("*.ckpt", "holds a pickled checkpoint, which is never read: save the model with save_pretrained"),
    ("*.gguf", "holds GGUF weights, which are not read: take the folder they were made from"),
    ("*.onnx", "holds an ONNX export, which is not read: take the folder it was made from"),
    ("models--*", "is the hub's cache: give the name, such as FacebookAI/xlm-roberta-base"),
    ("snapshots/*/config.json", "is one checkpoint's place in the hub's cache: give its name, or the folder under "
                                "snapshots"),
    ("run.json", "is the folder of a run: give the run's name"),
    ("*/config.json", "has a config.json only in a folder inside: give that folder"),
)  # fmt: skip
"""Folders that are no checkpoints: a file that gives each kind away, and what to do. The first that fits counts."""


def checkpoint_file(start: str, name: str) -> Path | None:
    """The path of one file of a checkpoint, fetched from the hub if need be; None where there is no such file.

    Without a connection only the local cache of the hub is searched.

    Raises:
        InputError: `start` is no folder and cannot be a hub name, the hub has no such checkpoint, the name leaves the
            folder, or the file is a pointer of Git LFS.
    """
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise InputError(
            f"expected a file inside the checkpoint {start!r}, got {name!r}: its files are damaged"
        )
    path = _found(start, name)
    if path is not None and _starts_with(path, LFS_POINTER):
        raise InputError(
            f"{path} is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its folder"
        )
    return path


def must_be_fetched(start: str) -> bool:
    """Whether a name means a checkpoint on the hub that this machine has not fetched yet."""
    if Path(start).is_dir() or not NAME.fullmatch(start):
        return False
    return not isinstance(try_to_load_from_cache(start, "config.json"), str)


def _found(start: str, name: str) -> Path | None:
    folder = Path(start)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    if not NAME.fullmatch(start):
        raise InputError(f"expected a folder or a hub name such as FacebookAI/xlm-roberta-base, got {start}")
    try:
        return Path(hf_hub_download(start, name))
    except EntryNotFoundError:
        return None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"expected a folder or a hub name, got {start!r}, which the hub refuses: {reason}"
        ) from error


def _starts_with(path: Path, beginning: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(beginning)) == beginning


def describe_folder(start: str) -> str:
    """The end of a message about a folder without the files of a checkpoint: what the folder is, and what to do."""
    folder = Path(start)
    if not folder.is_dir():
        return "has none on the hub, or the hub is out of reach"
    for pattern, description in KINDS:
        if next(folder.glob(pattern), None) is not None:
            return description
    held = sorted(path.name for path in folder.iterdir())
    return f"holds only {', '.join(held[:5])}" if held else "is an empty folder"
