"""Any tokenizer that the library `tokenizers` reads, whatever its special tokens: to be measured, not trained with.

Text is cut as it is: without special tokens, without truncation, and the name of a special token in it stays text.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer as Backend

from core.errors import InputError
from core.hub import checkpoint_file, describe_folder
from core.text.arrays import IntArray
from core.text.tokenizer import Tokenizer, load_tokenizer

BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")
PART_OF_A_CHARACTER: Final = "\N{REPLACEMENT CHARACTER}"


class PublishedTokenizer:
    """A tokenizer under the name that it was opened by.

    Attributes:
        size: entries of the vocabulary, special tokens included.
    """

    def __init__(self, name: str, tokenizer: Tokenizer | Backend) -> None:
        self.name = name
        self._tokenizer = tokenizer if isinstance(tokenizer, Tokenizer) else None
        self.backend: Backend = tokenizer.backend if isinstance(tokenizer, Tokenizer) else tokenizer
        self.backend.no_truncation()
        self.backend.no_padding()
        self.backend.encode_special_tokens = True
        self.size: int = self.backend.get_vocab_size(with_added_tokens=True)

    def encode(self, texts: Sequence[str]) -> list[IntArray]:
        """Ids of each text without special tokens."""
        if self._tokenizer is not None:
            return [row[1:-1] for row in self._tokenizer.encode(texts)]
        rows = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(row.ids, dtype=np.int32) for row in rows]

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Begin and end in the text of each token, with its id; several bytes of one character have the same."""
        row = self.backend.encode(text, add_special_tokens=False)
        return [(*span, index) for span, index in zip(row.offsets, row.ids, strict=True)]

    def decode(self, ids: IntArray) -> str:
        """Text of ids."""
        return self.backend.decode([int(index) for index in ids], skip_special_tokens=False)

    def keeps(self, text: str, ids: IntArray) -> bool:
        """Whether the ids give the text back, up to spaces and to what NFKC takes for equal."""
        return _compared(self.decode(ids)) == _compared(text)

    @cached_property
    def unknown(self) -> int | None:
        """The id of characters that the vocabulary does not hold; None where there is none."""
        model: dict[str, Any] = json.loads(self.backend.to_str())["model"]
        if model.get("unk_id") is not None:
            return int(model["unk_id"])
        token = model.get("unk_token")
        return None if token is None else self.backend.token_to_id(token)

    def kinds(self, ids: Sequence[int] | IntArray) -> list[str]:
        """What each id stands for: 'unknown', 'byte' (of a character that has no piece), 'character' or 'piece'.

        A piece that only marks the beginning of a word and holds no character is a 'character'.
        """
        return [self._kind(int(index)) for index in ids]

    def _kind(self, index: int) -> str:
        if index == self.unknown:
            return "unknown"
        # the text alone: pieces of byte-level tokenizers are written in letters that stand for bytes
        text = self.backend.decode([index], skip_special_tokens=False)
        if BYTE.fullmatch(self.backend.id_to_token(index) or "") or PART_OF_A_CHARACTER in text:
            return "byte"
        return "character" if len(text.strip().removeprefix("##")) <= 1 else "piece"


def _compared(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def open_published(start: str) -> PublishedTokenizer:
    """Opens the tokenizer of a file, a folder or a hub name.

    Raises:
        InputError: there is neither a tokenizer.json nor XLM-R's sentencepiece.bpe.model, or it cannot be read.
    """
    path = Path(start) if Path(start).is_file() else checkpoint_file(start, "tokenizer.json")
    if path is None:
        model = checkpoint_file(start, "sentencepiece.bpe.model")
        if model is None:
            raise InputError(
                f"expected tokenizer.json or sentencepiece.bpe.model in {start!r}, found neither: "
                f"it {describe_folder(start)}"
            )
        return PublishedTokenizer(start, load_tokenizer(model.parent))
    try:
        backend = Backend.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise InputError(f"{path} is no tokenizer ({error}): expected the file tokenizers writes") from error
    try:
        return PublishedTokenizer(start, Tokenizer(backend))
    except InputError:
        # other special tokens than XLM-R's: good enough to be measured
        return PublishedTokenizer(start, Backend.from_file(str(path)))
