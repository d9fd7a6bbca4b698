"""Writes files and folders whole or not at all: under a temporary name first, then flushed and renamed."""

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
    """A hidden name in the same folder that no other process uses, on this machine or another."""
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
    """Yields a temporary name to write a file under.

    The file is flushed and renamed to `path` when the block ends without an error.
    """
    partial = beside(path)
    try:
        yield partial
        flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def system_errors() -> Generator[None]:
    """Turns the plain exceptions of Rust libraries into OSError where the system refuses to write.

    Raises:
        OSError: with the number of the system's error, such as ENOSPC for a full disk.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if code := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(code[1]), str(error)) from error
        raise


def never(folder: Path) -> bool:
    """Returns False: a folder that exists already is kept."""
    return False


@contextmanager
def whole_folder(folder: Path, replaces: Callable[[Path], bool] = never) -> Generator[Path]:
    """Yields a temporary folder to write into.

    The folder is flushed and renamed to `folder` when the block ends without an error.

    Args:
        folder: final name.
        replaces: called with a folder that has this name by then; True lets it be removed.

    Raises:
        FileExistsError: the name is taken, and `replaces` returned False.
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
    """Removes a folder. The folder is renamed first, so that nobody finds half of it."""
    partial = beside(folder)
    try:
        folder.rename(partial)
    except FileNotFoundError:
        return
    shutil.rmtree(partial, ignore_errors=True)


def cached_folder(folder: Path, read: Callable[[Path], T], write: Callable[[Path], object]) -> T:
    """Returns `read(folder)`, where many processes share the folder and the first to come writes it.

    The other processes wait. Where the file system has no locks every process writes a folder, and all read the
    folder that was ready first. A folder that `read` refuses is written again.

    Args:
        folder: named after everything that its content depends on.
        read: opens the folder; raises OSError or ValueError where the folder is missing or damaged.
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
            # another process may have written the folder before this process had its turn
            if damaged(folder):
                with whole_folder(folder, replaces=damaged) as partial:
                    write(partial)
    return read(folder)


@contextmanager
def _turn(folder: Path) -> Generator[None]:
    """Waits until no other process writes the folder, and removes the leftovers of killed processes."""
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
