"""Writing where the disk may be full or closed to us: one clear line for either."""

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
    """No room to write; what was complete before is still there."""


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Turns a full disk, and a place that cannot be written to, into one line that says what to do.

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
    """The system's number of an error, also where Arrow or NumPy have put it into words."""
    number = error.errno
    if number is None and (words := re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)):
        return int(words[1])
    # numpy's `tofile` says how much was written, and not why no more
    if number is None and re.search(r"No space left|File too large|requested and \d+ written", str(error)):
        return errno.ENOSPC
    return number


def replace(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        InputError: as in `room`.
    """
    with report_full_disk(path), whole_file(path) as partial:
        partial.write_bytes(content)
