"""The tokenizer of a checkpoint: a folder or a hub name."""

from typing import Final

from core.errors import InputError
from core.hub import checkpoint_file, describe_folder
from core.text.tokenizer import Tokenizer, load_tokenizer

FILES: Final = ("tokenizer.json", "sentencepiece.bpe.model")


def open_tokenizer(start: str) -> Tokenizer:
    """Opens the tokenizer that lies beside the weights, fetched from the hub if need be.

    Raises:
        InputError: the checkpoint has no tokenizer, or its special tokens are not XLM-R's.
    """
    for name in FILES:
        if path := checkpoint_file(start, name):
            return load_tokenizer(path.parent)
    raise InputError(
        f"expected {' or '.join(FILES)} in the checkpoint {start!r}, found neither: it {describe_folder(start)}; put "
        "the tokenizer of its base model there, or for training set tokenizer.folder"
    )
