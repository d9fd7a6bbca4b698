"""Data sets of Hugging Face, a folder or a name on the hub; streamed from Parquet, JSON and Arrow files only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from core.errors import InputError
from core.text.readers.objects import Object, units_of
from core.text.readers.unit import Notes, ReadOptions, Unit

FORMATS: Final = frozenset({"parquet", "json", "arrow"})
"""Formats that hold no program and mistake no text for a missing value."""
SAVED: Final = ("dataset_dict.json", "dataset_info.json")


def read_data_set(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The rows of a data set as units: its feature `translation`, or columns named by languages.

    Raises:
        InputError: there is no such data set, its format is not read, or the options name none of several splits.
    """
    from datasets.exceptions import DatasetsError

    try:
        rows = _open(path, options)
        objects = (Object(f"row {number}", row) for number, row in enumerate(rows, start=1))
        yield from units_of(path.name, objects, options, notes)
    except InputError:
        raise
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"expected a data set of Hugging Face (a folder or a name on the hub), got {path}: {reason}"
        ) from error


def _open(path: Path, options: ReadOptions) -> Any:
    import datasets

    if any((path / name).is_file() for name in SAVED):
        data_set: Any = datasets.load_from_disk(str(path))
        return _split(path, data_set, options.split) if isinstance(data_set, dict) else data_set
    builder = datasets.load_dataset_builder(str(path), options.config)
    form = type(builder).__module__.rpartition(".")[2]
    if form not in FORMATS:
        raise InputError(f"{path} is a data set of {form} files: import its files themselves")
    return _split(path, builder.as_streaming_dataset(), options.split)


def _split(path: Path, splits: Any, wanted: str | None) -> Any:
    names = list(splits)
    if wanted is None and len(names) == 1:
        return splits[names[0]]
    if wanted not in names:
        raise InputError(
            f"expected one split of {path} with --split, got {wanted or 'none'}: it has {', '.join(map(str, names))}"
        )
    return splits[wanted]
