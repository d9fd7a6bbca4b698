"""The checkpoints of a run: whole folders named after their step; the newest counts.

`checkpoint` is a link to the newest folder, so that `AutoModel.from_pretrained("RUN/checkpoint")` opens it. A run of an
older version has a plain folder in the place of the link; its next checkpoint is a numbered folder.
"""

import errno
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from core.files import beside, flush, remove_folder, whole_folder
from core.locks import Lock, LocksUnsupported

T = TypeVar("T")
WITHOUT_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems without symbolic links; `lab export` writes a folder for AutoModel there."""
LAST_FILE: Final = "state.json"
"""Written last: a checkpoint folder without this file is an unfinished copy."""


class Checkpoints:
    """The checkpoints in a run folder."""

    def __init__(self, run: Path) -> None:
        self.folder, self.link = run / "checkpoints", run / "checkpoint"

    def newest(self) -> Path | None:
        """The folder of the newest complete checkpoint, or None. It never changes; a newer checkpoint replaces it."""
        listed, linked = self._numbered(), self._linked()
        for folder in (*reversed(listed), linked, self.link.with_name("checkpoint.old")):
            if (folder / LAST_FILE).is_file():
                return folder
        # a newer checkpoint may have replaced the listed folders meanwhile
        return None if (self._numbered(), self._linked()) == (listed, linked) else self.newest()

    def _linked(self) -> Path:
        """The numbered folder that the link points to, or the plain folder of older versions in its place.

        Readers never use the link itself, because it may point elsewhere a moment later.
        """
        return self.folder / Path(os.readlink(self.link)).name if self.link.is_symlink() else self.link

    def read(self, read: Callable[[Path], T]) -> T | None:
        """Returns `read(folder)` for the newest checkpoint, which nobody removes meanwhile; None without checkpoint.

        Where a checkpoint is removed before its lock is taken, the newer checkpoint is read.
        """
        while (folder := self.newest()) is not None:
            lock = Lock(folder / LAST_FILE)
            try:
                _share(lock)
                return read(folder)
            except (OSError, ValueError):
                if self.newest() == folder:
                    raise
            finally:
                lock.release()
        return None

    @contextmanager
    def write(self, step: int) -> Generator[Path]:
        """Yields a folder to write the checkpoint of a step into; it counts when the block ends without error.

        Older checkpoints are then removed, unless somebody reads them. Only the process that has claimed the run may
        write.

        Raises:
            FileExistsError: there is a checkpoint of this step.
        """
        # the folder of the run is not created: where it has been moved or removed, nothing is written
        self.folder.mkdir(exist_ok=True)
        for leftover in self.folder.glob(".*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        target = self.folder / f"{step:08d}"
        with whole_folder(target) as partial:
            yield partial
        self._point_to(target)
        for folder in self._numbered():
            if folder != target:
                _remove_unread(folder)
        for name in ("checkpoint.old", "checkpoint.new"):
            remove_folder(self.link.with_name(name))

    def _numbered(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(
            (path for path in self.folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
        )

    def _point_to(self, target: Path) -> None:
        if self.link.is_dir() and not self.link.is_symlink():
            remove_folder(self.link)
        partial = beside(self.link)
        try:
            partial.symlink_to(os.path.relpath(target, self.link.parent), target_is_directory=True)
        except OSError as error:
            if error.errno in WITHOUT_LINKS:
                return
            raise
        partial.replace(self.link)
        flush(self.link.parent)


def _share(lock: Lock) -> None:
    try:
        lock.acquire(shared=True)
    except LocksUnsupported:
        return


def _remove_unread(folder: Path) -> None:
    """Removes a checkpoint unless somebody reads it; otherwise the next checkpoint removes it."""
    lock = Lock(folder / LAST_FILE)
    try:
        if not lock.acquire():
            return
    except LocksUnsupported:
        remove_folder(folder)
        return
    try:
        remove_folder(folder)
    finally:
        lock.release()
