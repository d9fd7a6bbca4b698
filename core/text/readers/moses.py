"""Line-aligned text: one file per language, line i of each a translation of line i of the others.

Several sets of files are told apart by their names: `tatoeba.ara-eng.ara` and `tatoeba.ara-eng.eng` are one set, and
each set keeps its own English side.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from core.errors import InputError
from core.text.readers.columns import ROLES, is_language
from core.text.readers.opening import ending, lines_of, unpacked_name
from core.text.readers.unit import Notes, ReadOptions, Unit, distinct_tags

PLAIN: Final = ".txt"
"""An ending that stands behind the language: `newstest2019.eng-US.txt`."""


class Aligned(NamedTuple):
    """Line-aligned files and their languages, in the same order."""

    paths: tuple[Path, ...]
    tags: tuple[str, ...]


def language_of(path: Path) -> str | None:
    """The language at the end of a file's name, as written there; None where the name ends with no language."""
    name = unpacked_name(path)
    name = name.removesuffix(PLAIN) if name.endswith(PLAIN) else name
    language = Path(name).suffix.removeprefix(".")
    return language if language.lower() not in ROLES and is_language(language) else None


def aligned_sets(paths: Sequence[Path], options: ReadOptions, notes: Notes) -> list[Aligned]:
    """Sets of line-aligned files, in the order of their names; one set if no two names belong together.

    Raises:
        InputError: a language is unknown, or comes twice in a set.
    """
    if options.languages:
        if len(options.languages) != len(paths):
            raise InputError(
                f"expected one language per file, got {len(options.languages)} languages for {len(paths)} files"
            )
        return [_aligned(paths, options.languages)]
    languages = [_language_in_name(path) for path in paths]
    sets: dict[tuple[Path, str], list[int]] = {}
    for position, (path, language) in enumerate(zip(paths, languages, strict=True)):
        name = unpacked_name(path).removesuffix(PLAIN).removesuffix(language)
        sets.setdefault((path.parent, name), []).append(position)
    if all(len(positions) == 1 for positions in sets.values()):
        return [_aligned(paths, languages)]
    alone = [paths[positions[0]].name for positions in sets.values() if len(positions) == 1]
    if alone:
        notes.say(
            f"read as text of one language, because no other file has its name: {', '.join(sorted(alone))}"
        )
    return [
        _aligned([paths[i] for i in positions], [languages[i] for i in positions])
        for _, positions in sorted(sets.items())
    ]


def _language_in_name(path: Path) -> str:
    language = language_of(path)
    if language is None:
        raise InputError(
            f"expected a language tag such as en or zh-Hant at the end of the name of {path.name}, got "
            f"{ending(path)!r}: name the languages of the files with --languages"
        )
    return language


def _aligned(paths: Sequence[Path], languages: Sequence[str]) -> Aligned:
    return Aligned(tuple(paths), tuple(distinct_tags(languages)))


def read_aligned(files: Aligned, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The lines of line-aligned files as units.

    Raises:
        InputError: the files differ in length.
    """
    with ExitStack() as opened:
        streams = [lines_of(path, options, notes) for path in files.paths]
        for stream in streams:
            opened.callback(stream.close)
        for number, lines in enumerate(itertools.zip_longest(*streams), start=1):
            if None in lines:
                lengths = ", ".join(f"{path.name} {_count(path, options):,}" for path in files.paths)
                raise InputError(
                    f"line-aligned files must have equally many lines, got {lengths}: align them first"
                )
            yield Unit(f"line {number}", dict(zip(files.tags, lines, strict=True)))


def _count(path: Path, options: ReadOptions) -> int:
    return sum(1 for _ in lines_of(path, options, Notes()))
