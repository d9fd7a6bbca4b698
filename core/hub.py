"""Files of a checkpoint that is named by its folder or by its name on the Hugging Face hub."""

import re
from pathlib import Path
from typing import Final

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from core.errors import InputError

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def checkpoint_file(start: str, name: str) -> Path | None:
    """The path of one file of a checkpoint, fetched from the hub if need be; None where there is no such file.

    Without a connection the hub is what the local cache holds of it.

    Raises:
        InputError: `start` is no folder and cannot be a hub name, or the hub has no such checkpoint.
    """
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
