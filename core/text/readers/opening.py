"""Opens files: unpacks them and decodes text."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa

from core.errors import InputError
from core.text.readers.unit import Notes, ReadOptions


def _zstandard(file: IO[bytes]) -> Any:
    # a file of bytes in all but its class; unlike the usual library it notices a file that is cut off
    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


PACKERS: Final[dict[str, Callable[[Any], Any]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstandard,
}
"""Endings of packed files, and what opens them."""
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte-order marks and their encodings; the mark of UTF-32 begins like that of UTF-16, so it comes before."""
BUFFER_BYTES: Final = 1 << 18
DAMAGES: Final = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, OSError)


class _Counted(io.FileIO):
    """A file that adds the number of bytes read from it to the notes."""

    def __init__(self, path: Path, notes: Notes) -> None:
        super().__init__(path)
        self._notes = notes

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        self._notes.bytes_read += count or 0
        return count


def unpacked_name(path: Path) -> str:
    """The name of a file without the ending of its packer: `train.de` of `train.de.gz`."""
    return path.stem if path.suffix.lower() in PACKERS else path.name


def ending(path: Path) -> str:
    """The ending of the unpacked name, in small letters: `de` of `train.de.gz`."""
    return Path(unpacked_name(path)).suffix.removeprefix(".").lower()


@contextmanager
def open_bytes(path: Path, notes: Notes) -> Generator[IO[bytes]]:
    """Opens the bytes of a file, unpacked.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"expected a file, got {path}: it does not exist")
    packer = PACKERS.get(path.suffix.lower(), nullcontext)
    # a packer does not close the file that it unpacks
    with io.BufferedReader(_Counted(path, notes), BUFFER_BYTES) as packed, packer(packed) as file:
        yield file


@contextmanager
def open_text(path: Path, options: ReadOptions, notes: Notes) -> Generator[io.TextIOWrapper]:
    """Opens the text of a file; only a newline ends a line, and undecodable bytes become surrogates.

    Raises:
        InputError: there is no such file, or the encoding is unknown.
    """
    with open_bytes(path, Notes()) as file:
        beginning = file.read(4)
    encoding = encoding_of(beginning, options.encoding)
    if encoding == "utf-8" and b"\0\0" in (beginning[::2], beginning[1::2]):
        raise InputError(
            f"{path} looks like UTF-16 without a byte-order mark: name it, --encoding utf-16-le or utf-16-be"
        )
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    with (
        open_bytes(path, notes) as file,
        io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="\n") as text,
    ):
        yield text


def encoding_of(beginning: bytes, declared: str | None) -> str:
    """The encoding by the byte-order mark, else the declared encoding, else UTF-8.

    Raises:
        InputError: the declared encoding is unknown.
    """
    for mark, encoding in MARKS:
        if beginning.startswith(mark):
            return encoding
    if declared is None:
        return "utf-8"
    try:
        "".encode(declared)
        return codecs.lookup(declared).name
    except LookupError:
        raise InputError(
            f"expected an encoding such as cp1251, utf-16-le or gb18030, got {declared!r}"
        ) from None


@contextmanager
def damages_named(path: Path) -> Generator[None]:
    """Turns the errors of a damaged file into an InputError that names the file.

    Raises:
        InputError: the file is cut off, damaged, or in another encoding.
    """
    try:
        yield
    except UnicodeError as error:
        raise InputError(
            f"{path} is not {getattr(error, 'encoding', 'text')}: name its encoding, for example --encoding cp1251"
        ) from error
    except DAMAGES as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{path} is damaged ({error}): fetch it again") from error


def lines_of(path: Path, options: ReadOptions, notes: Notes) -> Generator[str]:
    """The lines of a text file, with their line ends."""
    with damages_named(path), open_text(path, options, notes) as file:
        yield from file
