"""Tokenizers with XLM-R's special tokens: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, `<mask>` behind all pieces.

Special tokens come from the program alone: text that holds `<s>` or `<mask>` stays text.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, cast

import numpy as np
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Backend

from core.errors import InputError

BOS, PAD, EOS, UNK = 0, 1, 2, 3
SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
MASK: Final = "<mask>"
BYTES: Final = tuple(f"<0x{byte:02X}>" for byte in range(256))
"""Pieces for the bytes of characters without a piece of their own; behind `<mask>`, so never drawn at random."""
LITERAL: Final = re.compile("|".join(map(re.escape, (*SPECIAL, MASK))))
_RESERVED: Final = re.compile(rf"{LITERAL.pattern}|<0x[0-9A-F]{{2}}>")
NEVER: Final = -1e6
"""Score of a piece that no text is cut into."""
LONGEST_TOKEN: Final = 16
"""Characters, as in SentencePiece; without it, sentences without spaces would become tokens."""


class Tokenizer:
    """Text to token ids and back; a thin wrapper of a `tokenizers` tokenizer."""

    def __init__(self, backend: Backend) -> None:
        for position, token in enumerate(SPECIAL):
            if backend.token_to_id(token) != position:
                raise InputError(
                    f"expected {token} to have id {position} as in XLM-R, got {backend.token_to_id(token)}"
                )
        mask_id = backend.token_to_id(MASK)
        if mask_id is None:
            raise InputError("expected a tokenizer with a <mask> token, got none: use XLM-R's or train one")
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        self.backend = backend
        self.mask_id = mask_id
        # a stranger's ids may leave gaps: embeddings are needed up to the largest
        self.size: int = 1 + max(backend.get_vocab(with_added_tokens=True).values())

    def encode(self, texts: Sequence[str], max_tokens: int | None = None) -> list[np.ndarray]:
        """Ids of each text with `<s>` before and `</s>` behind (int32); longer inputs are cut before `</s>`."""
        content = None if max_tokens is None else max_tokens - 2
        rows = [
            encoding.ids for encoding in self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ]
        for position, text in enumerate(texts):
            if LITERAL.search(text):
                rows[position] = self._literal.encode(text, add_special_tokens=False).ids
        return [np.array([BOS, *row[:content], EOS], dtype=np.int32) for row in rows]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The characters of a text, from and to, that each id of `encode` stands for; `<s>` and `</s>` stand for none.

        A piece may begin with the space before its word.
        """
        backends = [self._literal if LITERAL.search(text) else self.backend for text in texts]
        return [
            [(0, 0), *backend.encode(text, add_special_tokens=False).offsets, (len(text), len(text))]
            for text, backend in zip(texts, backends, strict=True)
        ]

    @cached_property
    def _literal(self) -> Backend:
        """Reads text that holds the name of a special token, which a unigram model would take for a piece."""
        definition = json.loads(self.backend.to_str())
        if definition["model"]["type"] != "Unigram":
            return self.backend
        for piece in definition["model"]["vocab"]:
            if LITERAL.fullmatch(piece[0]):
                piece[1] = NEVER
        backend = Backend.from_str(json.dumps(definition))
        backend.encode_special_tokens = True
        return backend

    def unseen(self, ids: np.ndarray) -> np.ndarray:
        """Whether each id stands for a character that training has not met: `<unk>`, or a byte of the character."""
        first_byte = self.backend.token_to_id(BYTES[0])
        return (
            (ids == UNK)
            if first_byte is None
            else (ids == UNK) | ((ids >= first_byte) & (ids < first_byte + len(BYTES)))
        )

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return self.backend.decode([int(index) for index in ids])

    def tokens(self, ids: np.ndarray | Sequence[int]) -> list[str]:
        """The written form of each id."""
        return [self.backend.id_to_token(int(index)) or "<unk>" for index in ids]

    @property
    def digest(self) -> str:
        """SHA-256 of the tokenizer's definition."""
        return hashlib.sha256(self.backend.to_str().encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Writes `tokenizer.json`."""
        # not with the library's own `save`, which raises no OSError on a full disk
        (folder / "tokenizer.json").write_text(self.backend.to_str(pretty=True), encoding="utf-8")


def train_tokenizer(texts: Iterable[str], vocabulary: int, byte_fallback: bool = False) -> Tokenizer:
    """Trains a byte-pair tokenizer (Sennrich et al. 2016) of at most `vocabulary` tokens, five special ones included.

    Words begin with `▁` and punctuation stands alone, as in SentencePiece. Pairs are merged from letters upwards by
    frequency, so that scripts without spaces are cut into words first and phrases later. With `byte_fallback` there
    are 256 more pieces for the bytes of characters that the texts do not hold; without it such characters are `<unk>`.

    Raises:
        InputError: the texts have more distinct characters than fit into the vocabulary.
    """
    backend = Backend(models.BPE(unk_token=SPECIAL[UNK]))
    backend.normalizer, backend.pre_tokenizer = text_normaliser(), word_splitter()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=list(SPECIAL),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    if (size := backend.get_vocab_size() + 1) > vocabulary:
        raise InputError(
            f"this text has {size - len(SPECIAL) - 1:,} distinct characters, which do not fit into a "
            f"vocabulary of {vocabulary:,}: raise tokenizer.vocabulary"
        )
    if byte_fallback:
        backend = _with_bytes(backend)
    return _with_special(backend)


def unigram_tokenizer(scores: Mapping[str, float], byte_fallback: bool = False) -> Tokenizer:
    """Returns a unigram tokenizer (Kudo 2018) of pieces with their scores, in their order behind the special tokens.

    Text is normalised and cut into words as `train_tokenizer` does. A text is cut into the pieces with the highest sum
    of scores. Names of special tokens are no pieces.
    """
    pieces = [(piece, score) for piece, score in scores.items() if not _RESERVED.fullmatch(piece)]
    vocabulary = [*((token, NEVER) for token in SPECIAL), *pieces]
    if byte_fallback:
        vocabulary += [(token, NEVER) for token in (MASK, *BYTES)]
    backend = Backend(models.Unigram(vocabulary, UNK, byte_fallback))
    backend.normalizer, backend.pre_tokenizer = text_normaliser(), word_splitter()
    backend.decoder = decoders.Metaspace()
    if byte_fallback:
        backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    return _with_special(backend)


def text_normaliser() -> normalizers.Normalizer:
    """NFKC, and one space for any run of them."""
    return normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )


def word_splitter() -> pre_tokenizers.PreTokenizer:
    """Words begin with `▁`, and each punctuation mark stands alone."""
    return pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])


def _with_special(backend: Backend) -> Tokenizer:
    """The tokenizer with `<mask>`, and `<s>` and `</s>` round a text."""
    backend.add_special_tokens([AddedToken(MASK, lstrip=True, normalized=False)])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return Tokenizer(backend)


def _with_bytes(backend: Backend) -> Backend:
    """The tokenizer with 256 pieces for bytes behind the id of `<mask>`."""
    definition = json.loads(backend.to_str())
    pieces = definition["model"]["vocab"]
    for piece in (MASK, *BYTES):
        pieces[piece] = len(pieces)
    definition["model"]["byte_fallback"] = True
    backend = Backend.from_str(json.dumps(definition))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return backend


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a `tokenizer.json`, or a folder that holds one or XLM-R's `sentencepiece.bpe.model`.

    Raises:
        InputError: neither file is there, or its special tokens are not XLM-R's.
    """
    file = path if path.is_file() else path / "tokenizer.json"
    if file.is_file():
        try:
            return Tokenizer(Backend.from_file(str(file)))
        except InputError:
            raise
        except Exception as error:  # the library raises no narrower class
            raise InputError(
                f"{file} is no tokenizer ({error}): expected the file tokenizers writes"
            ) from error
    if not (path / "sentencepiece.bpe.model").is_file():
        raise InputError(f"expected tokenizer.json or sentencepiece.bpe.model in {path}, found neither")
    from transformers import XLMRobertaTokenizer

    return Tokenizer(cast(Backend, XLMRobertaTokenizer.from_pretrained(str(path)).backend_tokenizer))  # pyright: ignore[reportAttributeAccessIssue]
