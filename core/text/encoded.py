"""A corpus as token ids, written once and memory-mapped: training reads no text and holds no corpus in memory."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from core.config import Frozen
from core.text.corpus import Corpus
from core.text.tokenizer import EOS, Tokenizer

IntArray = np.ndarray


@dataclass(frozen=True)
class Rows:
    """Rows of token ids without padding: `ids` holds them one behind the other."""

    ids: IntArray
    lengths: IntArray

    @property
    def starts(self) -> IntArray:
        """Where each row begins in `ids`."""
        return np.cumsum(self.lengths) - self.lengths


def spans(starts: IntArray, lengths: IntArray) -> IntArray:
    """The positions start, start + 1, ..., start + length - 1 of each span, one span behind the other."""
    return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())


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
    """

    def __init__(self, folder: Path) -> None:
        info = EncodedInfo.model_validate_json((folder / "encoded.json").read_bytes())
        self.languages = info.languages
        self._tokens = np.memmap(folder / "tokens.bin", dtype=np.int32, mode="r", shape=(info.tokens,))
        self._offsets = np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
        self.meaning: IntArray = np.load(folder / "meaning.npy", mmap_mode="r", allow_pickle=False)
        self.language: IntArray = np.load(folder / "language.npy", mmap_mode="r", allow_pickle=False)

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
        for begin in range(0, len(self), 100_000):
            offsets = np.asarray(self._offsets[begin : begin + 100_001])
            languages = np.repeat(
                np.asarray(self.language[begin : begin + 100_000], dtype=np.int64), np.diff(offsets)
            )
            tokens = self._tokens[offsets[0] : offsets[-1]]
            counts += np.bincount(languages * size + tokens, minlength=len(counts))
        return counts.reshape(len(self.languages), size)


def encode_corpus(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Callable[[int, int], None] | None = None,
) -> EncodedCorpus:
    """Encodes a corpus into `folder`, or opens what an earlier call has left there.

    Args:
        corpus: the sentences.
        tokenizer: text to ids.
        folder: named by the caller after corpus, tokenizer and `max_tokens`.
        max_tokens: longer sentences are cut.
        progress: called with sentences done and in all.
    """
    try:
        return EncodedCorpus(folder)
    except (OSError, ValidationError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(corpus, tokenizer, partial, max_tokens, progress)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return EncodedCorpus(folder)


def _write(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    index = {tag: number for number, tag in enumerate(corpus.languages)}
    lengths: list[IntArray] = []
    meanings: list[IntArray] = []
    languages: list[IntArray] = []
    done = 0
    with (folder / "tokens.bin").open("wb") as file:
        for batch in corpus.batches():
            rows = tokenizer.encode(batch.column("text").to_pylist(), max_tokens)
            np.concatenate(rows).tofile(file)
            lengths.append(np.array([len(row) for row in rows], dtype=np.int64))
            meanings.append(batch.column("meaning").to_numpy())
            languages.append(
                np.array([index[tag] for tag in batch.column("language").to_pylist()], dtype=np.int16)
            )
            done += batch.num_rows
            if progress:
                progress(done, corpus.info.sentences)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(lengths))])
    np.save(folder / "offsets.npy", offsets)
    np.save(folder / "meaning.npy", np.concatenate(meanings))
    np.save(folder / "language.npy", np.concatenate(languages))
    info = EncodedInfo(languages=corpus.languages, tokens=int(offsets[-1]), sentences=done)
    (folder / "encoded.json").write_text(info.model_dump_json(), encoding="utf-8")
