"""Unigram tokenizers with XLM-R's special tokens: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, `<mask>` last."""

import hashlib
import json
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
        self.size: int = backend.get_vocab_size(with_added_tokens=True)

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
        self.backend.save(str(folder / "tokenizer.json"))


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A Unigram tokenizer (Kudo 2018) of at most `vocabulary` tokens, the five special ones included.

    Raises:
        InputError: the texts have more distinct characters than the vocabulary has room for.
    """
    backend = Backend(models.Unigram([(token, 0.0) for token in SPECIAL], unk_id=UNK, byte_fallback=False))
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary - 1, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
    )
    try:
        backend.train_from_iterator(texts, trainer)
    except Exception as error:  # the library raises no narrower class
        raise InputError(
            f"no tokenizer of {vocabulary:,} tokens fits this text ({error}): raise tokenizer.vocabulary"
        ) from error
    backend.model = _settled(backend)
    backend.add_special_tokens([AddedToken(MASK, lstrip=True, normalized=False)])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return Tokenizer(backend)


def _settled(backend: Backend) -> models.Unigram:
    """The trained pieces in an order and with scores that the same text always gives.

    The trainer sums in random order, so last digits differ between runs, and it gives characters that it would
    have pruned scores counting up from the lowest by 0.0001, in random order: scores are rounded, and those
    characters take theirs in alphabetical order.
    """
    vocabulary: list[tuple[str, float]] = json.loads(backend.to_str())["model"]["vocab"][len(SPECIAL) :]
    scores = {piece: round(score, 6) for piece, score in vocabulary}
    characters = sorted(piece for piece in scores if len(piece) == 1)
    floor = min(scores.values()) + 0.0001 * len(characters)
    rare = [piece for piece in characters if scores[piece] <= floor]
    scores |= dict(zip(rare, sorted((scores[piece] for piece in rare), reverse=True), strict=True))
    pieces = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return models.Unigram([*((token, 0.0) for token in SPECIAL), *pieces], unk_id=UNK, byte_fallback=False)


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
