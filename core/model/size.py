"""Checks that a shape fits into the memory of this machine, before anything of that shape is made."""

import os

from core.config import ModelSettings
from core.errors import InputError

BYTES = 4
"""Bytes of a number in float32."""


def check_fits(numbers: int, what: str) -> None:
    """Checks that `numbers` float32 numbers fit into the memory of this machine.

    Raises:
        InputError: the machine has less memory in all.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if BYTES * numbers > memory:
        raise InputError(
            f"{what} needs {BYTES * numbers / 2**30:,.0f} GiB of memory, this machine has {memory / 2**30:,.0f}: "
            "choose a smaller shape"
        )


def num_parameters(shape: ModelSettings, vocabulary: int) -> int:
    """Numbers in the matrices of a fresh encoder: embeddings, attention and feed-forward layers."""
    embeddings = (vocabulary + shape.max_tokens) * shape.hidden
    return embeddings + shape.layers * shape.hidden * (4 * shape.hidden + 2 * shape.feedforward)
