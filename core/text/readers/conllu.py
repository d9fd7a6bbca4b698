"""Sentences of CoNLL-U treebanks: the comments `# text`, and `# parallel_id`, which treebanks of one text share."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import InputError
from core.text.readers.columns import Columns, is_language
from core.text.readers.opening import lines_of, unpacked_name
from core.text.readers.unit import Notes, ReadOptions, Unit, distinct_tags, faulty

COMMENT: Final = re.compile(r"#\s*([\w-]+)\s*=\s*(.*)")


def read_conllu(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The sentences of a treebank; sentences of any files with the same `parallel_id` translate each other.

    `sent_id` is no meaning by default, because other treebanks number their sentences alike; --columns
    meaning=sent_id takes it as the meaning.

    Raises:
        InputError: the language is named neither by the file nor by the options.
    """
    names = dict(options.columns)
    meaning = names.pop("meaning", None)
    if not names:
        names = {_language(path, options): "text"}
    tags = distinct_tags(list(names))
    for where, comments in _sentences(lines_of(path, options, notes)):
        label = meaning or ("parallel_id" if "parallel_id" in comments else None)
        columns = Columns(dict(zip(names.values(), tags, strict=True)), label)
        if absent := [name for name in columns.languages if name not in comments]:
            yield faulty(where, f"has no comment # {absent[0]} = ...")
        else:
            yield columns.unit(where, comments)


def _language(path: Path, options: ReadOptions) -> str:
    if options.languages:
        return options.languages[0]
    language = unpacked_name(path).partition("_")[0]
    if not is_language(language):
        raise InputError(
            f"expected a language before the name of a treebank, as in de_pud-ud-test.conllu, got {path.name}: "
            "name it with --languages"
        )
    return language


def _sentences(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The place and the comments of each sentence; a sentence ends with an empty line."""
    comments: dict[str, str] = {}
    begin = 0
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        begin = begin or (number if text else 0)
        if comment := COMMENT.match(text):
            comments[comment.group(1)] = comment.group(2)
        if not text and begin:
            yield f"line {begin}", comments
            comments, begin = {}, 0
    if begin:
        yield f"line {begin}", comments
