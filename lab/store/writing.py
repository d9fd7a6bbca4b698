"""Files that are written whole or not at all, and one clear line when the disk is full."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from core.errors import InputError


class StorageFull(InputError):
    """No room to write; what was complete before is still there."""


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Turns a full disk into one line that says what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full and not re.search(r"No space left|File too large|os error (28|27|122)", str(error)):
            raise
        raise StorageFull(f"no room to write {path}: free some space, then continue with --resume") from error


def replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with room(path):
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
