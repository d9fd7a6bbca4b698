"""A corpus as token ids, written once and memory-mapped: training reads no text and holds no corpus in memory."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.config import Frozen
from core.files import cached_folder
from core.text.corpus import Corpus
from core.text.index import PIECE, Index, IntArray, mapped, spans, write_index
from core.text.tokenizer import EOS, Tokenizer

COLUMNS: Final = {"tokens": np.int32, "offsets": np.int64, "meaning": np.int64, "language": np.int16}


@dataclass(frozen=True)
class Rows:
    """Rows of token ids without padding: `ids` holds them one behind the other."""

    ids: IntArray
    lengths: IntArray

    @property
    def starts(self) -> IntArray:
        """Where each row begins in `ids`."""
        return np.cumsum(self.lengths) - self.lengths


class EncodedInfo(Frozen):
    """What stands in `encoded.json`."""

    languages: tuple[str, ...]
    tokens: int
    sentences: int


class EncodedCorpus:
    """Sentences as rows of token ids, in the order of the corpus.

    Attributes:
        languages: tags; `language` holds indices into them.
        meaning: int64 per sentence.
        language: int16 per sentence.
        index: which sentences have which language and meaning.
    """

    def __init__(self, folder: Path) -> None:
        info = EncodedInfo.model_validate_json((folder / "encoded.json").read_bytes())
        self.languages = info.languages
        counts = (info.tokens, info.sentences + 1, info.sentences, info.sentences)
        self._tokens, self._offsets, self.meaning, self.language = (
            mapped(folder / f"{name}.bin", dtype, count)
            for (name, dtype), count in zip(COLUMNS.items(), counts, strict=True)
        )
        self.index = Index(folder / "index", info.sentences)

    def __len__(self) -> int:
        return len(self.meaning)

    def row(self, index: int) -> IntArray:
        """Token ids of one sentence, `<s>` and `</s>` included."""
        return self._tokens[self._offsets[index] : self._offsets[index + 1]]

    def rows(self, indices: IntArray, longest: int) -> Rows:
        """Token ids of many sentences; one with more than `longest` tokens loses its last ones before `</s>`."""
        lengths = self.lengths_of(indices, longest)
        ids = np.asarray(self._tokens[spans(self._offsets[indices], lengths)])
        ids[np.cumsum(lengths) - 1] = EOS
        return Rows(ids, lengths)

    def lengths(self) -> IntArray:
        """Tokens per sentence."""
        return np.diff(self._offsets)

    def lengths_of(self, indices: IntArray, longest: int) -> IntArray:
        """Tokens of each of many sentences, `longest` at most."""
        return np.minimum(self._offsets[indices + 1] - self._offsets[indices], longest)

    def token_counts(self, size: int) -> IntArray:
        """How often each of `size` ids occurs in each language: [languages, size], `<s>` and `</s>` included."""
        counts = np.zeros(len(self.languages) * size, dtype=np.int64)
        for begin in range(0, len(self), PIECE):
            offsets = np.asarray(self._offsets[begin : begin + PIECE + 1])
            languages = np.repeat(
                np.asarray(self.language[begin : begin + PIECE], dtype=np.int64), np.diff(offsets)
            )
            tokens = self._tokens[offsets[0] : offsets[-1]]
            counts += np.bincount(languages * size + tokens, minlength=len(counts))
        return counts.reshape(len(self.languages), size)


class EncodedWriter:
    """Writes an encoded corpus into a folder, piece by piece: memory does not grow with the sentences.

    Used as a context; the index is written at its end.
    """

    def __init__(self, folder: Path, languages: tuple[str, ...]) -> None:
        self.sentences = 0
        self._folder, self._languages, self._tokens = folder, languages, 0
        self._opened = ExitStack()

    def __enter__(self) -> "EncodedWriter":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = {
            name: self._opened.enter_context((self._folder / f"{name}.bin").open("wb")) for name in COLUMNS
        }
        self._put("offsets", np.zeros(1))
        return self

    def add(self, ids: IntArray, lengths: IntArray, meaning: IntArray, language: IntArray) -> None:
        """Some more sentences: their token ids one behind the other, and of each how many, meaning and language."""
        self._put("tokens", ids)
        self._put("offsets", self._tokens + np.cumsum(lengths))
        self._put("meaning", meaning)
        self._put("language", language)
        self.sentences += len(lengths)
        self._tokens += int(lengths.sum())

    def _put(self, name: str, values: IntArray) -> None:
        np.asarray(values, dtype=COLUMNS[name]).tofile(self._files[name])

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._opened.close()
        if kind is None:
            meaning, language = (
                mapped(self._folder / f"{name}.bin", COLUMNS[name]) for name in ("meaning", "language")
            )
            write_index(self._folder / "index", meaning, language, len(self._languages))
            info = EncodedInfo(languages=self._languages, tokens=self._tokens, sentences=self.sentences)
            (self._folder / "encoded.json").write_text(info.model_dump_json(), encoding="utf-8")


def encode_corpus(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Callable[[int, int], None] | None = None,
) -> EncodedCorpus:
    """Encodes a corpus into `folder`, or opens what an earlier call, of any process, has left there.

    Args:
        corpus: the sentences.
        tokenizer: text to ids.
        folder: named by the caller after corpus, tokenizer and `max_tokens`.
        max_tokens: longer sentences are cut.
        progress: called with sentences done and in all.
    """
    return cached_folder(
        folder, EncodedCorpus, lambda partial: _write(corpus, tokenizer, partial, max_tokens, progress)
    )


def _write(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    numbers = {tag: number for number, tag in enumerate(corpus.languages)}
    with EncodedWriter(folder, corpus.languages) as writer:
        for batch in corpus.batches():
            rows = tokenizer.encode(batch.column("text").to_pylist(), max_tokens)
            writer.add(
                np.concatenate(rows),
                np.array([len(row) for row in rows]),
                batch.column("meaning").to_numpy(),
                np.array([numbers[tag] for tag in batch.column("language").to_pylist()]),
            )
            if progress:
                progress(writer.sentences, corpus.info.sentences)
