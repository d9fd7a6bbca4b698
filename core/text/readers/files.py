"""Finds the reader of each file; files must be of one kind and are read in the order of their names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from core import hub
from core.errors import InputError
from core.text.readers.conllu import read_conllu
from core.text.readers.gettext import read_po
from core.text.readers.hugging_face import read_data_set
from core.text.readers.moses import aligned_sets, language_of, read_aligned
from core.text.readers.objects import read_json, read_parquet
from core.text.readers.opening import ending, lines_of, unpacked_name
from core.text.readers.subtitles import read_subtitles
from core.text.readers.tables import read_table
from core.text.readers.unit import Notes, ReadOptions, Unit
from core.text.readers.xml import read_tmx, read_xliff

Reader = Callable[[Path, ReadOptions, Notes], Iterator[Unit]]
READERS: Final[dict[str, Reader]] = {
    "tsv": read_table,
    "csv": read_table,
    "jsonl": read_json,
    "ndjson": read_json,
    "json": read_json,
    "parquet": read_parquet,
    "tmx": read_tmx,
    "xlf": read_xliff,
    "xliff": read_xliff,
    "po": read_po,
    "srt": read_subtitles,
    "msrt": read_subtitles,
    "conllu": read_conllu,
}
"""Readers by the ending of a file; all other files are line-aligned text."""
NAMED: Final = {read_table, read_xliff, read_po, read_subtitles, read_conllu}
"""Readers of files that may leave it to `--languages` to name their languages."""
IN_COLUMNS: Final = {read_table, read_json, read_parquet, read_data_set, read_conllu}
"""Readers that `--columns` tells what to read."""
COMPANIONS: Final = ("readme", "license", "licence", "copying", "source.md", "changelog", "checksums")
"""Beginnings of the names of files that describe the text beside them."""
TABLE_SHARE: Final = 0.9
LINES_SEEN: Final = 100


def read_files(paths: Sequence[Path], options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The units of files of one kind, of a folder or of a data set on the hub.

    Raises:
        InputError: there are no files, they are of different kinds, or one of them cannot be read.
    """
    paths = _without_companions(paths, notes)
    readers = {_reader(path, options) for path in paths}
    if len(readers) > 1:
        raise InputError(
            f"expected files of one kind, got {' '.join(path.name for path in paths)}: import them one by one"
        )
    reader = readers.pop()
    _check_options(paths, reader, options)
    if reader is None:
        sets = aligned_sets(paths, options, notes)
        parts = [(files.paths[0].name, read_aligned(files, options, notes)) for files in sets]
    else:
        parts = [
            (path.name, reader(path, file_options, notes))
            for path, file_options in sorted(
                zip(paths, _options_of(paths, reader, options), strict=True), key=_name
            )
        ]
    for name, units in parts:
        yield from (
            units if len(parts) == 1 else (unit._replace(where=f"{name} {unit.where}") for unit in units)
        )


def _name(entry: tuple[Path, ReadOptions]) -> Path:
    return entry[0]


def _without_companions(paths: Sequence[Path], notes: Notes) -> list[Path]:
    texts = [path for path in paths if not path.name.lower().startswith(COMPANIONS)]
    if not texts:
        raise InputError(f"expected files to import, got {' '.join(path.name for path in paths) or 'none'}")
    if others := [path.name for path in paths if path not in texts]:
        notes.say(f"not read, because they tell of the text: {', '.join(others)}")
    return texts


def _reader(path: Path, options: ReadOptions) -> Reader | None:
    """The reader of a file or folder; None stands for line-aligned text."""
    if path.is_dir():
        if (path / "corpus.json").is_file():
            raise InputError(f"{path} is a corpus already: train on it with --corpus {path}")
        return read_data_set
    if (
        not path.exists()
        and len(path.parts) == 2
        and hub.NAME.fullmatch(str(path))
        and not path.parent.exists()
    ):
        return read_data_set
    if not path.is_file():
        raise InputError(f"expected a file, got {path}: it does not exist")
    kind = ending(path)
    if kind == "txt" and _is_table(path, options):
        return read_table
    return READERS.get(kind)


def _is_table(path: Path, options: ReadOptions) -> bool:
    """Whether a .txt file is a table: most of its lines hold a TAB and its name ends with no language."""
    if language_of(path) is not None or len(options.languages) == 1:
        return False
    lines = list(islice(lines_of(path, options, Notes()), LINES_SEEN))
    return sum("\t" in line for line in lines) > TABLE_SHARE * len(lines)


def _check_options(paths: Sequence[Path], reader: Reader | None, options: ReadOptions) -> None:
    if options.languages and reader is not None and reader not in NAMED:
        raise InputError(
            f"--languages names line-aligned files and tables without header; {paths[0].name} tells its languages "
            "itself: leave it out, or choose with --columns"
        )
    if options.columns and reader not in IN_COLUMNS:
        raise InputError(f"--columns names columns, and {unpacked_name(paths[0])} has none: leave it out")


def _options_of(paths: Sequence[Path], reader: Reader, options: ReadOptions) -> list[ReadOptions]:
    """The options of each file, in which a file of a single language has its own language."""
    if reader not in (read_subtitles, read_conllu) or not options.languages:
        return [options] * len(paths)
    if len(options.languages) != len(paths):
        raise InputError(
            f"expected one language per file, got {len(options.languages)} languages for {len(paths)} files"
        )
    return [replace(options, languages=(language,)) for language in options.languages]
