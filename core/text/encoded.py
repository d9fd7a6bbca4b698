"""A corpus as token ids, written once and memory-mapped: training reads no text and holds no corpus in memory."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field

from core.config import Frozen
from core.files import cached_folder, whole_file
from core.progress import Progress, no_progress
from core.text.arrays import IntArray, changeable, concatenated_ranges, mapped, pieces, write
from core.text.corpus import Corpus
from core.text.identity import text_hashes
from core.text.index import Index
from core.text.indexing import NO_HASHES, write_index
from core.text.tokenizer import EOS, Tokenizer

COLUMNS: Final = {"tokens": np.int32, "offsets": np.int64, "meaning": np.int64, "language": np.int16}
HASHES: Final = "hashes.bin"
NONE_CUT: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Rows:
    """Rows of token ids without padding: `ids` holds them one after the other."""

    ids: IntArray
    lengths: IntArray

    @classmethod
    def of(cls, sentences: Sequence[IntArray], longest: int) -> "Rows":
        """Rows from arrays of ids; a sentence is cut before `</s>` to `longest` tokens."""
        lengths = np.minimum([len(ids) for ids in sentences], longest).astype(np.int64)
        cut = [ids[:length] for ids, length in zip(sentences, lengths, strict=True)]
        flat = np.concatenate(cut) if cut else np.zeros(0, dtype=np.int32)
        if cut:
            flat[np.cumsum(lengths) - 1] = EOS
        return cls(flat, lengths)

    @property
    def starts(self) -> IntArray:
        """Position in `ids` at which each row begins."""
        return np.cumsum(self.lengths) - self.lengths

    def joined(self, sentences: int) -> "Rows":
        """Joins every `sentences` consecutive rows into one row with a single `<s>`: `<s> a </s> b </s>`."""
        stays = np.ones(len(self.ids), dtype=bool)
        stays[self.starts.reshape(-1, sentences)[:, 1:]] = False
        return Rows(self.ids[stays], self.lengths.reshape(-1, sentences).sum(1) - sentences + 1)


class EncodedInfo(Frozen):
    """The content of `encoded.json`."""

    format: Literal[2] = Field(
        description="of the files beside it; those of another version are written again"
    )
    languages: tuple[str, ...]
    cut: tuple[int, ...] = Field(description="per language, sentences that lost tokens to max_tokens")
    tokens: int
    sentences: int


class EncodedCorpus:
    """Sentences as rows of token ids, in the order of the corpus.

    Attributes:
        languages: tags; `language` holds indices into them.
        cut: int64 per language, sentences that lost tokens to `max_tokens`.
        meaning: int64 per sentence.
        language: int16 per sentence.
        index: finds sentences by language and meaning.
        folder: of the files, to which tables that are computed from them are added.
    """

    def __init__(self, folder: Path) -> None:
        info = EncodedInfo.model_validate_json((folder / "encoded.json").read_bytes())
        self.languages, self.cut = info.languages, np.array(info.cut, dtype=np.int64)
        counts = (info.tokens, info.sentences + 1, info.sentences, info.sentences)
        self._tokens, self._offsets, self.meaning, self.language = (
            mapped(folder / f"{name}.bin", dtype, count)
            for (name, dtype), count in zip(COLUMNS.items(), counts, strict=True)
        )
        self.index = Index(folder / "index", info.sentences)
        self.folder = folder

    def __len__(self) -> int:
        return len(self.meaning)

    def row(self, index: int) -> IntArray:
        """Token ids of one sentence, `<s>` and `</s>` included."""
        return self._tokens[self._offsets[index] : self._offsets[index + 1]]

    def rows(self, indices: IntArray, longest: int) -> Rows:
        """Token ids of many sentences; a sentence is cut before `</s>` to `longest` tokens."""
        lengths = self.lengths_of(indices, longest)
        ids = np.asarray(self._tokens[concatenated_ranges(self._offsets[indices], lengths)])
        ids[np.cumsum(lengths) - 1] = EOS
        return Rows(ids, lengths)

    def tokens_at(self, indices: IntArray, places: IntArray) -> IntArray:
        """The id at a place in each of many sentences; `<s>` has place 0."""
        return np.asarray(self._tokens[self._offsets[indices] + places])

    def lengths(self) -> IntArray:
        """Tokens per sentence."""
        return np.diff(self._offsets)

    def lengths_of(self, indices: IntArray, longest: int) -> IntArray:
        """Tokens of each of many sentences, `longest` at most."""
        return np.minimum(self._offsets[indices + 1] - self._offsets[indices], longest)

    def components_of(self, indices: IntArray) -> IntArray:
        """Component of each sentence: the smallest meaning that shares texts with the sentence's meaning."""
        return self.index.components_of(self.meaning[indices])

    def identities(self, examples: IntArray) -> IntArray:
        """A number for the meaning of each example, equal for equal meanings.

        The meaning of one sentence is its component, the meaning of two sentences the set of their components.

        Args:
            examples: the sentences that each example joins, [examples, 1] or [examples, 2].
        """
        components = self.components_of(examples)
        if examples.shape[1] == 1:
            return components[:, 0]
        # exact below 3 * 10^9 meanings
        places = np.sort(np.searchsorted(self.index.meanings, components), axis=1)
        return places[:, 0] * len(self.index.meanings) + places[:, 1]

    def token_counts(self, size: int) -> IntArray:
        """Counts of each of `size` ids in each language, [languages, size], `<s>` and `</s>` included.

        The counts are computed at the first call and stored beside the ids.
        """
        path, shape = self.folder / f"token-counts-{size}.bin", (len(self.languages), size)
        if not path.is_file():
            with whole_file(path) as partial:
                write(partial, (np.zeros(size) for _ in self.languages))
                self._count_tokens(changeable(partial), size)
        return mapped(path, count=shape[0] * shape[1]).reshape(shape)

    def _count_tokens(self, counts: IntArray, size: int) -> None:
        begin = 0
        for languages in pieces(self.language):
            offsets = np.asarray(self._offsets[begin : begin + len(languages) + 1])
            tokens = self._tokens[offsets[0] : offsets[-1]]
            owners = np.repeat(languages.astype(np.int64), np.diff(offsets))
            places, times = np.unique(owners * size + tokens, return_counts=True)
            counts[places] += times
            begin += len(languages)


class EncodedWriter:
    """Writes an encoded corpus into a folder, piece by piece: memory does not grow with the number of sentences.

    It is a context manager; the index is written when the context ends.
    """

    def __init__(self, folder: Path, languages: tuple[str, ...]) -> None:
        self.sentences = 0
        self._folder, self._languages, self._tokens = folder, languages, 0
        self._cut = np.zeros(len(languages), dtype=np.int64)
        self._opened = ExitStack()

    def __enter__(self) -> "EncodedWriter":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = {
            name: self._opened.enter_context((self._folder / f"{name}.bin").open("wb")) for name in COLUMNS
        }
        self._hashes = self._opened.enter_context((self._folder / HASHES).open("wb"))
        self._put("offsets", np.zeros(1))
        return self

    def add(
        self,
        ids: IntArray,
        lengths: IntArray,
        meaning: IntArray,
        language: IntArray,
        hashes: np.ndarray = NO_HASHES,
        cut: IntArray = NONE_CUT,
    ) -> None:
        """Writes some more sentences.

        Args:
            ids: token ids, sentence after sentence.
            lengths: tokens of each sentence.
            meaning: of each sentence.
            language: of each sentence, an index into the languages.
            hashes: `text_hashes` of each sentence; empty at every call when no two meanings share a text.
            cut: positions of the sentences that lost tokens to `max_tokens`.
        """
        self._put("tokens", ids)
        self._put("offsets", self._tokens + np.cumsum(lengths))
        self._put("meaning", meaning)
        self._put("language", language)
        hashes.tofile(self._hashes)
        self._cut += np.bincount(language[cut], minlength=len(self._languages))
        self.sentences += len(lengths)
        self._tokens += int(lengths.sum())

    def _put(self, name: str, values: IntArray) -> None:
        np.asarray(values, dtype=COLUMNS[name]).tofile(self._files[name])

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._opened.close()
        if kind is not None:
            return
        meaning, language = (
            mapped(self._folder / f"{name}.bin", COLUMNS[name]) for name in ("meaning", "language")
        )
        hashes = mapped(self._folder / HASHES, np.uint64)
        assert len(hashes) in (0, self.sentences)
        write_index(self._folder / "index", meaning, language, len(self._languages), hashes)
        (self._folder / HASHES).unlink()
        info = EncodedInfo(
            format=2,
            languages=self._languages,
            cut=tuple(self._cut.tolist()),
            tokens=self._tokens,
            sentences=self.sentences,
        )
        (self._folder / "encoded.json").write_text(info.model_dump_json(), encoding="utf-8")


def encode_corpus(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Progress = no_progress,
) -> EncodedCorpus:
    """Encodes a corpus into `folder`, or opens the ids that an earlier call of any process wrote there.

    Args:
        corpus: the sentences.
        tokenizer: text to ids.
        folder: named by the caller after corpus, tokenizer and `max_tokens`.
        max_tokens: longer sentences are cut.
        progress: reports sentences done and in all.
    """
    return cached_folder(
        folder, EncodedCorpus, lambda partial: _write(corpus, tokenizer, partial, max_tokens, progress)
    )


def _write(
    corpus: Corpus,
    tokenizer: Tokenizer,
    folder: Path,
    max_tokens: int,
    progress: Progress,
) -> None:
    numbers = {tag: number for number, tag in enumerate(corpus.languages)}
    with EncodedWriter(folder, corpus.languages) as writer:
        for batch in corpus.batches():
            texts = batch.column("text").to_pylist()
            rows = tokenizer.encode(texts)
            writer.add(
                np.concatenate(
                    [row if len(row) <= max_tokens else np.append(row[: max_tokens - 1], EOS) for row in rows]
                ),
                np.array([min(len(row), max_tokens) for row in rows]),
                batch.column("meaning").to_numpy(),
                np.array([numbers[tag] for tag in batch.column("language").to_pylist()]),
                text_hashes(texts),
                np.flatnonzero([len(row) > max_tokens for row in rows]),
            )
            progress("encoding", writer.sentences, corpus.info.sentences)
