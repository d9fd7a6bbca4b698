"""Subtitles (SRT): blocks of the same time in files of the same name translate each other.

A block of an `.msrt` file holds several languages, each in a line that begins with `[tag]`.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.text.readers.moses import language_of
from core.text.readers.opening import ending, lines_of, unpacked_name
from core.text.readers.unit import Notes, ReadOptions, Unit, distinct_tags, faulty

TIMES: Final = re.compile(r"(\d+:\d+:\d+[,.]\d+)\s*-->\s*(\d+:\d+:\d+[,.]\d+)")
FORMATTING: Final = re.compile(r"</?(?:[ibu]|font)\b[^>]*>|\{\\[^}]*\}", re.IGNORECASE)
LANGUAGE: Final = re.compile(r"\[([\w-]+)\]\s*(.*)")


def read_subtitles(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The blocks of a file of subtitles; the lines of a block are one text.

    Raises:
        InputError: no language is named.
    """
    name = Path(unpacked_name(path)).stem
    several = ending(path) == "msrt"
    language = options.languages[0] if options.languages else language_of(Path(name))
    if language is None and not several:
        raise InputError(
            f"expected a language before the ending, as in film.en.srt, got {path.name}: name it with --languages"
        )
    film = name.removesuffix(f".{language}")
    for where, block in _blocks(lines_of(path, options, notes)):
        yield _unit(where, block, film, None if several else language)


def _blocks(lines: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    numbered = enumerate((line.strip() for line in lines), start=1)
    for filled, group in groupby(numbered, key=lambda line: bool(line[1])):
        if filled:
            block = list(group)
            yield f"line {block[0][0]}", [line for _, line in block]


def _unit(where: str, block: Sequence[str], film: str, language: str | None) -> Unit:
    times = next((match for line in block[:2] if (match := TIMES.match(line))), None)
    if times is None:
        return faulty(
            where, "is no subtitle: expected a number, a line of times (00:01:02,000 --> ...) and text"
        )
    lines = [FORMATTING.sub("", line) for line in block[1 + (TIMES.match(block[0]) is None) :]]
    meaning = f"{film} {times.group(1)} {times.group(2)}"
    if language is not None:
        tag = distinct_tags([language])[0]
        return Unit(where, {tag: " ".join(lines)} if lines else {}, meaning, missing=not lines)
    return _several(where, lines, meaning)


def _several(where: str, lines: Sequence[str], meaning: str) -> Unit:
    texts: list[tuple[str, str]] = []
    for line in lines:
        if begun := LANGUAGE.fullmatch(line):
            texts.append((begun.group(1), begun.group(2)))
        elif texts:
            texts[-1] = (texts[-1][0], f"{texts[-1][1]} {line}")
        else:
            return faulty(where, "begins with no [language]")
    try:
        tags = distinct_tags([language for language, _ in texts])
    except InputError as error:
        return faulty(where, str(error))
    return Unit(where, {tag: text for tag, (_, text) in zip(tags, texts, strict=True)}, meaning)
