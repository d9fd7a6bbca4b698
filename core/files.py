"""Files and folders that are whole whenever they are there: written beside their place, flushed, and renamed."""

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from core.locks import Lock, LocksUnsupported

T = TypeVar("T")
POLL_SECONDS: Final = 0.1


def beside(path: Path) -> Path:
    """A hidden name in the same folder that no other process has, on this machine or another."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.partial")


def flush(path: Path) -> None:
    """Waits until a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # some network file systems cannot flush a folder: their server writes names at once
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(handle)


def flush_tree(folder: Path) -> None:
    """Waits until a folder is on the disk with everything in it."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            flush(Path(parent, name))
        flush(Path(parent))


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """A name to write a file under; it takes its place, flushed, when the block ends without an error."""
    partial = beside(path)
    try:
        yield partial
        flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def system_errors() -> Generator[None]:
    """Raises as OSError what libraries in Rust raise as an exception of no kind where the system refuses to write.

    Raises:
        OSError: with the system's number, such as that of a full disk.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if found := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(found[1]), str(error)) from error
        raise


def never(folder: Path) -> bool:
    """Keeps what stands in a place already."""
    return False


@contextmanager
def whole_folder(folder: Path, replaces: Callable[[Path], bool] = never) -> Generator[Path]:
    """A new folder to write into; it takes its place, flushed, when the block ends without an error.

    Args:
        folder: its place.
        replaces: whether a folder that stands there by then may go.

    Raises:
        FileExistsError: there is one, and it may not.
    """
    partial = beside(folder)
    partial.mkdir(parents=True)
    try:
        yield partial
        flush_tree(partial)
        while not _renamed(partial, folder):
            if not replaces(folder):
                raise FileExistsError(errno.EEXIST, "somebody else has made it", str(folder))
            remove_folder(folder)
        flush(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Removes a folder whose name is gone at once, so that nobody finds half of it."""
    partial = beside(folder)
    try:
        folder.rename(partial)
    except FileNotFoundError:
        return
    shutil.rmtree(partial, ignore_errors=True)


def cached_folder(folder: Path, read: Callable[[Path], T], write: Callable[[Path], object]) -> T:
    """Returns what `read` makes of a folder that many processes share; the one that comes first writes it.

    The others wait for it. Where the file system has no locks all of them write, and take the folder of the quickest.
    A folder that `read` refuses is written again.

    Args:
        folder: named after everything its content depends on.
        read: raises OSError or ValueError where the folder is missing or damaged.
        write: fills a new folder.
    """

    def damaged(folder: Path) -> bool:
        try:
            read(folder)
        except (OSError, ValueError):
            return True
        return False

    if damaged(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _turn(folder), suppress(FileExistsError):
            # another process may have been quicker: before this one's turn, or meanwhile
            if damaged(folder):
                with whole_folder(folder, replaces=damaged) as partial:
                    write(partial)
    return read(folder)


@contextmanager
def _turn(folder: Path) -> Generator[None]:
    """Waits until no other process writes the folder, and removes what killed ones have left of it."""
    lock = Lock(folder.with_name(f".{folder.name}.lock"))
    try:
        while not lock.acquire():
            time.sleep(POLL_SECONDS)
    except LocksUnsupported:
        lock.path.unlink(missing_ok=True)
        yield
        return
    try:
        for leftover in folder.parent.glob(f".{folder.name}.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release(remove=True)


def _renamed(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
        return True
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
