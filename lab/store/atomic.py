"""Writes files whole, and turns a full disk or a read-only folder into one clear line."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.files import system_errors, whole_file

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED: Final = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip


class StorageFull(InputError):
    """The disk is full; files that were complete before are still there."""


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Turns the error of a full disk or of a folder without write permission into a line that says what to do.

    Raises:
        StorageFull: the disk or the quota is full, or the file is larger than the system allows.
        InputError: the folder is missing, is no folder, or may not be written to.
    """
    try:
        with system_errors():
            yield
    except OSError as error:
        number = _number(error)
        if number in FULL:
            raise StorageFull(
                f"no room to write {path}: free some space, then continue with --resume"
            ) from error
        if number in CLOSED:
            reason = re.sub(r"^\[Errno \d+\] ", "", str(error)).splitlines()[0]
            raise InputError(
                f"{path} cannot be written ({reason}): choose a folder you may write to"
            ) from error
        raise


def _number(error: OSError) -> int | None:
    """The system's number of an error, also where Arrow or NumPy give it only in their message."""
    number = error.errno
    if number is None and (words := re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)):
        return int(words[1])
    # numpy's `tofile` gives the number of items written, and no reason
    if number is None and re.search(r"No space left|File too large|requested and \d+ written", str(error)):
        return errno.ENOSPC
    return number


def replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written; see `report_full_disk`.
    """
    with report_full_disk(path), whole_file(path) as partial:
        partial.write_bytes(content)
