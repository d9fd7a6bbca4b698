"""JSON Lines, a JSON list, and Parquet: objects with a text per language, or meaning, language and text."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.text.readers.columns import SAMPLE, Columns, Record, named_columns
from core.text.readers.opening import damages_named, ending, lines_of, open_bytes
from core.text.readers.unit import Notes, ReadOptions, Unit, faulty

SHAPES_REMEMBERED: Final = 10_000
PARQUET_ROWS: Final = 10_000


class Object(NamedTuple):
    """An object of a file: its place and its content, or what is wrong with it."""

    where: str
    record: Record
    problem: str | None = None


def read_json(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The objects of JSON Lines, or of one JSON list, as units. A list is held in memory, lines are not.

    Raises:
        InputError: the keys of the first object name no language, or the language of a key is unclear.
    """
    lines = lines_of(path, options, notes)
    beginning = list(islice(lines, 1))
    lines = chain(beginning, lines)
    whole = ending(path) == "json" and _parsed("", beginning[0] if beginning else "{}").problem
    if whole or "".join(beginning).lstrip().startswith("["):
        objects = _items(path, "".join(lines))
    else:
        objects = (
            _parsed(f"line {number}", line) for number, line in enumerate(lines, start=1) if line.strip()
        )
    return units_of(path.name, objects, options, notes)


def _items(path: Path, text: str) -> Iterator[Object]:
    items = _parsed(path.name, f'{{"items": {text}}}')
    values = items.record.get("items")
    if isinstance(values, dict):
        # {"data": [...]}: an object round the list
        lists = [value for value in cast(dict[str, Any], values).values() if isinstance(value, list)]
        values = lists[0] if len(lists) == 1 else None
    if items.problem or not isinstance(values, list):
        raise InputError(
            f"{path} {items.problem or 'is no list of objects'}: expected one JSON object a line, or a list of them"
        )
    for number, value in enumerate(cast(list[Any], values), start=1):
        yield _object(f"item {number}", value)


def _parsed(where: str, text: str) -> Object:
    try:
        return _object(where, json.loads(text, object_pairs_hook=_distinct_keys))
    except json.JSONDecodeError as error:
        return Object(where, {}, f"is not JSON ({error.msg})")
    except RecursionError:
        return Object(where, {}, "is nested too deeply")
    except ValueError as error:
        return Object(where, {}, f"cannot be read ({error})")


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key comes twice")
    return record


def _object(where: str, value: Any) -> Object:
    if not isinstance(value, dict):
        return Object(where, {}, "is not a JSON object")
    return Object(where, cast(dict[str, Any], value))


def read_parquet(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The rows of a Parquet file as units.

    Raises:
        InputError: the file is damaged, no column is a language, or the language of a column is unclear.
    """
    return units_of(path.name, _rows(path, notes), options, notes)


def _rows(path: Path, notes: Notes) -> Iterator[Object]:
    try:
        with damages_named(path), open_bytes(path, notes) as file:
            batches: Iterator[Any] = pq.ParquetFile(file).iter_batches(PARQUET_ROWS)
            for number, record in enumerate(
                chain.from_iterable(batch.to_pylist() for batch in batches), start=1
            ):
                yield Object(f"row {number}", record)
    except pa.ArrowException as error:
        raise InputError(f"{path} is damaged or no Parquet file ({error}): fetch it again") from error


def units_of(source: str, objects: Iterable[Object], options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """Objects as units; each distinct set of keys is examined once.

    The value of the key `translation` is taken for the object itself, as in data sets of Hugging Face.

    Raises:
        InputError: the keys of the first object name no language, or the language of a key is unclear.
    """
    rest = (_translation(entry, notes) for entry in objects)
    sample = list(islice(rest, SAMPLE))
    records = [entry.record for entry in sample if not entry.problem]
    shapes: dict[tuple[str, ...], Columns | str] = {}
    if records:
        shapes[tuple(records[0])] = named_columns(source, list(records[0]), records, options, notes)
    for entry in chain(sample, rest):
        yield _unit(source, entry, records, shapes, options, notes)


def _unit(
    source: str,
    entry: Object,
    sample: list[Record],
    shapes: dict[tuple[str, ...], Columns | str],
    options: ReadOptions,
    notes: Notes,
) -> Unit:
    if entry.problem:
        return faulty(entry.where, entry.problem)
    shape = tuple(entry.record)
    if shape not in shapes:
        if len(shapes) >= SHAPES_REMEMBERED:
            shapes.clear()
        try:
            shapes[shape] = named_columns(source, shape, [*sample, entry.record], options, notes)
        except InputError as error:
            shapes[shape] = str(error)
    columns = shapes[shape]
    return (
        faulty(entry.where, columns) if isinstance(columns, str) else columns.unit(entry.where, entry.record)
    )


def _translation(entry: Object, notes: Notes) -> Object:
    """The object under `translation`, which holds a text per language or lists of languages and texts."""
    inner = entry.record.get("translation")
    if not isinstance(inner, dict):
        return entry
    notes.ignored.update(dict.fromkeys(key for key in entry.record if key != "translation"))
    record = cast(dict[str, Any], inner)
    languages, texts = record.get("language"), record.get("translation")
    if isinstance(languages, list) and isinstance(texts, list):
        tags = cast(list[str], languages)
        if len(set(tags)) < len(tags):
            return Object(entry.where, {}, f"has several texts of one language ({' '.join(tags)})")
        record = dict(zip(tags, cast(list[Any], texts), strict=False))
    return Object(entry.where, record)
