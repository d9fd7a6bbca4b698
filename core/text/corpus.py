"""The sentence table: one row per sentence, `meaning` (int64), `language` (BCP-47 tag), `text` (NFC).

Sentences that share a meaning translate each other. On disk a corpus is a folder of Parquet shards with
`corpus.json`; it is written under a temporary name and renamed when it is complete.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from langcodes import standardize_tag, tag_is_valid
from langcodes.tag_parser import LanguageTagError
from pydantic import Field, ValidationError

from core.config import FORMAT_VERSION, Frozen
from core.errors import InputError
from core.files import whole_folder

SCHEMA: Final = pa.schema(
    [("meaning", pa.int64()), ("language", pa.dictionary(pa.int16(), pa.string())), ("text", pa.string())]
)
SHARD_ROWS: Final = 1_000_000
CHUNK_ROWS: Final = 50_000
MEANINGS_AT_ONCE: Final = 10_000_000


class CorpusRow(NamedTuple):
    """One sentence: rows with the same meaning translate each other."""

    meaning: int
    language: str
    text: str


class CorpusInfo(Frozen):
    """The contents of `corpus.json`, which describes the table beside it."""

    format: int = FORMAT_VERSION
    sentences: int
    meanings: int
    languages: dict[str, int] = Field(description="sentences per language tag")
    source: str = ""
    licence: str = ""
    units: int = Field(default=0, description="lines, rows or entries read: imported + duplicates + rejected")
    imported: int = Field(default=0, description="units without a fault, each met for the first time")
    duplicates: int = Field(default=0, description="units whose texts and meaning came before, merged")
    rejected: int = Field(default=0, description="units left out, whole or in part, listed in rejected.tsv")
    missing: int = Field(default=0, description="translations that a unit has room for and does not hold")
    identical: int = Field(default=0, description="translations that repeat the text of another language")
    ignored_columns: tuple[str, ...] = Field(default=(), description="columns and keys that are no text")
    sha256: str = Field(description="of all rows in order: the content, whatever the shards")
    world: dict[str, Any] | None = Field(
        None, description="settings of the built-in world that wrote the text"
    )


@lru_cache(maxsize=10_000)
def language_tag(tag: str) -> str:
    """The shortest BCP-47 form of a language tag: `deu` is `de`, `zho-CN` is `zh-CN`.

    Raises:
        InputError: the tag names no language of the IANA registry.
    """
    try:
        known = tag_is_valid(tag)
    except LanguageTagError:
        known = False
    if not known:
        raise InputError(
            f"expected a language tag such as en, ar or zh-Hant, got {tag!r}: name a BCP-47 language"
        )
    return standardize_tag(tag, macro=True)


def write_corpus(
    rows: Iterable[tuple[int, str, str]],
    folder: Path,
    *,
    source: str = "",
    licence: str = "",
    report: Callable[[Path], Mapping[str, Any]] = lambda folder: {},
    world: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> "Corpus":
    """Writes a table of sentences as a corpus folder; memory does not grow with the number of sentences.

    Args:
        rows: meaning, language tag and text of each sentence.
        folder: appears when it is complete.
        source: where the text comes from.
        licence: of the text.
        report: called with the unfinished folder after the last row; adds files to the folder, and returns the counts
            of the reading for `corpus.json`.
        world: settings of the built-in world, if it wrote the rows.
        overwrite: replaces a folder that exists.

    Raises:
        InputError: the folder is taken, or there are no rows.
    """
    if folder.exists() and not overwrite:
        raise _name_taken(folder)
    try:
        with whole_folder(folder, replaces=lambda _: overwrite) as partial:
            counts, digest = _write_shards(iter(rows), partial)
            if not counts:
                raise InputError(f"expected sentences for {folder}, got none: the input is empty")
            info = CorpusInfo(
                sentences=sum(counts.values()),
                meanings=_count_meanings(partial, sum(counts.values())),
                languages=dict(sorted(counts.items())),
                source=source,
                licence=licence,
                sha256=digest,
                world=world,
                **report(partial),
            )
            (partial / "corpus.json").write_text(info.model_dump_json(indent=1), encoding="utf-8")
    except FileExistsError:
        raise _name_taken(folder) from None
    return open_corpus(folder)


def _name_taken(folder: Path) -> InputError:
    return InputError(f"{folder} exists already: choose another folder or add --overwrite")


def _write_shards(rows: Iterator[tuple[int, str, str]], folder: Path) -> tuple[Counter[str], str]:
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    writer: pq.ParquetWriter | None = None
    written = 0
    try:
        for ids, tags, texts in _chunks(rows):
            if writer is None or written % SHARD_ROWS == 0:
                if writer is not None:
                    writer.close()
                writer = pq.ParquetWriter(folder / f"{written // SHARD_ROWS:05d}.parquet", SCHEMA)
            texts = [text if text.isascii() else unicodedata.normalize("NFC", text) for text in texts]
            columns = [pa.array(ids, pa.int64()), pa.array(tags), pa.array(texts)]
            digest.update(_row_bytes(columns))
            counts.update(tags)
            columns[1] = columns[1].dictionary_encode().cast(SCHEMA.field(1).type)
            writer.write_table(pa.table(columns, schema=SCHEMA))
            written += len(ids)
    finally:
        if writer is not None:
            writer.close()
    return counts, digest.hexdigest()


def _chunks(rows: Iterator[tuple[int, str, str]]) -> Iterator[tuple[list[int], list[str], list[str]]]:
    """Meanings, tags and texts of many rows; keeps no row, as the garbage collector would walk over each."""
    while True:
        ids: list[int] = []
        tags: list[str] = []
        texts: list[str] = []
        for meaning, tag, text in islice(rows, CHUNK_ROWS):
            ids.append(meaning)
            tags.append(tag)
            texts.append(text)
        if not ids:
            return
        yield ids, tags, texts


def _row_bytes(columns: list[Any]) -> memoryview:
    """The bytes of rows, row after row: the columns with a TAB between them and a line break behind."""
    ids, tags, texts = columns
    lines = pc.binary_join_element_wise(texts, "", "\n")  # pyright: ignore
    rows = pc.binary_join_element_wise(pc.cast(ids, pa.string()), tags, lines, "\t")  # pyright: ignore
    return memoryview(rows.buffers()[2])


def _count_meanings(folder: Path, rows: int) -> int:
    """Number of distinct meanings, counted part by part to save memory."""
    parts = 1 + rows // MEANINGS_AT_ONCE
    return sum(_distinct(folder, part, parts) for part in range(parts))


def _distinct(folder: Path, part: int, parts: int) -> int:
    """Number of distinct meanings with meaning % parts == part."""
    values = [np.empty(0, dtype=np.int64)]
    for shard in sorted(folder.glob("*.parquet")):
        column = pq.read_table(shard, columns=["meaning"]).column(0).to_numpy()
        values.append(np.unique(column[column % parts == part]))
    return len(np.unique(np.concatenate(values)))


class Corpus:
    """A corpus folder, read in pieces and never whole."""

    def __init__(self, folder: Path, info: CorpusInfo) -> None:
        self.folder = folder
        self.info = info

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags, sorted."""
        return tuple(sorted(self.info.languages))

    def batches(self, columns: tuple[str, ...] = ("meaning", "language", "text")) -> Iterator[Any]:
        """Record batches in the order of the table.

        Raises:
            InputError: a shard is missing or damaged.
        """
        shards = sorted(self.folder.glob("*.parquet"))
        rows = 0
        for shard in shards:
            try:
                for batch in pq.ParquetFile(shard, memory_map=True).iter_batches(
                    CHUNK_ROWS, columns=list(columns)
                ):
                    rows += batch.num_rows
                    yield batch
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(f"{shard} is damaged ({error}): import the corpus again") from error
        if rows != self.info.sentences:
            raise InputError(
                f"{self.folder} holds {rows} sentences, its corpus.json says {self.info.sentences}: import it again"
            )

    def rows(self) -> Iterator[CorpusRow]:
        """All rows in order."""
        for batch in self.batches():
            columns = (batch.column(name).to_pylist() for name in ("meaning", "language", "text"))
            yield from map(CorpusRow._make, zip(*columns, strict=True))


def open_corpus(folder: Path) -> Corpus:
    """Opens a corpus folder.

    Raises:
        InputError: the folder is no corpus, is damaged, or was written by another version.
    """
    path = folder / "corpus.json"
    if not path.is_file():
        raise InputError(
            f"expected a corpus folder with corpus.json, got {folder}: make one with 'lab corpus import'"
        )
    try:
        info = CorpusInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            f"{path} cannot be read ({error.error_count()} fields are wrong): import the corpus again"
        ) from error
    if info.format != FORMAT_VERSION:
        raise InputError(
            f"{path} has format {info.format}, this version reads {FORMAT_VERSION}: import the corpus again"
        )
    return Corpus(folder, info)
