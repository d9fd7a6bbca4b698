"""Reads files as `lab corpus import` does, for tests."""

import gzip
from dataclasses import dataclass
from pathlib import Path

from core.text.corpus import CorpusRow
from core.text.readers import Counts, Notes, ReadOptions, Rejected, read_files, sentences


@dataclass
class Reading:
    """What came of an import; iterates as rows and rejected."""

    rows: list[CorpusRow]
    rejected: list[Rejected]
    counts: Counts
    said: list[str]
    ignored: list[str]

    def __iter__(self):
        return iter((self.rows, self.rejected))


def read(*paths: Path, max_characters: int = 2_000, **options) -> Reading:
    rejected: list[Rejected] = []
    said: list[str] = []
    counts, notes = Counts(), Notes(say=said.append)
    options = {key: tuple(value) if key == "languages" else value for key, value in options.items()}
    units = read_files(paths, ReadOptions(**options), notes)
    rows = list(sentences(units, rejected.append, counts, max_characters))
    assert counts.units == counts.imported + counts.duplicates + counts.rejected
    return Reading(rows, rejected, counts, said, list(notes.ignored))


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path
