"""Tokenizers with XLM-R's special tokens: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, `<mask>` last."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast

import numpy as np
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Backend

from core.errors import InputError

BOS, PAD, EOS, UNK = 0, 1, 2, 3
SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
MASK: Final = "<mask>"
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
        self.backend = backend
        self.mask_id = mask_id
        # a stranger's ids may leave gaps: embeddings are needed up to the largest
        self.size: int = 1 + max(backend.get_vocab(with_added_tokens=True).values())

    def encode(self, texts: Sequence[str], max_tokens: int | None = None) -> list[np.ndarray]:
        """Ids of each text with `<s>` before and `</s>` behind (int32); longer inputs are cut before `</s>`."""
        room = None if max_tokens is None else max_tokens - 2
        encodings = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array([BOS, *encoding.ids[:room], EOS], dtype=np.int32) for encoding in encodings]

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


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A byte-pair tokenizer (Sennrich et al. 2016) of at most `vocabulary` tokens, the five special ones included.

    Words begin with `▁` and punctuation stands alone, as in SentencePiece. Pairs are merged from letters upwards by
    frequency, so that scripts without spaces are cut into words first and phrases later.

    Raises:
        InputError: the texts have more distinct characters than the vocabulary has room for.
    """
    backend = Backend(models.BPE(unk_token=SPECIAL[UNK]))
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    backend.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        special_tokens=list(SPECIAL),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.add_special_tokens([AddedToken(MASK, lstrip=True, normalized=False)])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    tokenizer = Tokenizer(backend)
    if tokenizer.size > vocabulary:
        raise InputError(
            f"this text has {tokenizer.size - len(SPECIAL) - 1:,} distinct characters, which do not fit into a "
            f"vocabulary of {vocabulary:,}: raise tokenizer.vocabulary"
        )
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a `tokenizer.json`, or a folder that holds one or XLM-R's `sentencepiece.bpe.model`.

    Raises:
        InputError: neither is there, or its special tokens are not XLM-R's.
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
