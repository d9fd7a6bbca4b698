"""Locks between processes: the kernel releases a lock when the process that holds it ends, however it ends.

On Linux a lock belongs to an open file (`F_OFD_SETLK`). Such a lock reaches other machines over NFS v4, whose server
keeps it. Unlike a POSIX record lock, it is not released when another handle of the same file is closed. And
`F_OFD_GETLK` finds out whether a lock is held without taking it, which neither `flock` nor the library filelock can.
Other systems get `flock`.
"""

import errno
import os
import struct
from pathlib import Path
from typing import Final, Literal

try:
    import fcntl
except ImportError:  # Windows has no such locks: every file system there counts as one without
    fcntl = None

LockState = Literal["held", "free", "unknown"]
_FLOCK: Final = struct.Struct("hhqqi4x")
"""Linux' `struct flock` on 64 bits: type, whence, start, length, process."""
_WITHOUT_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_BUSY: Final = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


class LocksUnsupported(OSError):
    """The file system has no locks."""


class Lock:
    """A lock on a file, held by one process, or by many that share the lock. Taking it creates the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, shared: bool = False) -> bool:
        """Takes the lock if it is free and returns whether this object holds it now.

        Args:
            shared: other processes may hold the lock too, if they share it. The file must exist and is only read.

        Raises:
            LocksUnsupported: the file system has no locks.
            OSError: the file cannot be opened.
        """
        if self._file is not None:
            return True
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        while True:
            file = os.open(self.path, flags | os.O_CLOEXEC, 0o666)
            try:
                if not _take(file, shared):
                    return False
                # the previous holder may have removed the file: then nobody else can find this lock
                if _same_file(file, self.path):
                    self._file, file = file, -1
                    return True
            finally:
                if file >= 0:
                    os.close(file)

    def release(self, remove: bool = False) -> None:
        """Gives the lock back; with `remove`, deletes its file too."""
        if self._file is None:
            return
        if remove and _same_file(self._file, self.path):
            self.path.unlink()
        os.close(self._file)
        self._file = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock on the file that stands at its path, neither removed nor replaced."""
        return self._file is not None and _same_file(self._file, self.path)


def lock_state(path: Path) -> LockState:
    """Whether anybody holds the lock on a file, without taking it; "unknown" without such a file or without locks."""
    if fcntl is None:
        return "unknown"
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return "unknown"
    try:
        if hasattr(fcntl, "F_OFD_GETLK"):
            question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_OFD_GETLK, question))[0]
            return "free" if kind == fcntl.F_UNLCK else "held"
        return "free" if _take(file, shared=True) else "held"
    except OSError:
        return "unknown"
    finally:
        os.close(file)


def _take(file: int, shared: bool) -> bool:
    if fcntl is None:
        raise LocksUnsupported(errno.ENOSYS, "this system has no file locks")
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            kind = fcntl.F_RDLCK if shared else fcntl.F_WRLCK
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0))
        else:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno in _WITHOUT_LOCKS:
            raise LocksUnsupported(error.errno, "the file system has no locks") from error
        raise


def _same_file(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
