"""Tokens whose embeddings are near to a token's, as a checkpoint holds them; without torch, for the dashboard."""

from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open

from core.errors import InputError

EMBEDDINGS: Final = "roberta.embeddings.word_embeddings.weight"


def token_embeddings(folder: Path) -> np.ndarray:
    """The embeddings of a checkpoint, tied to its output, [vocabulary, hidden].

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / "model.safetensors"
    try:
        with safe_open(path, framework="numpy") as file:
            names = [name for name in file.keys() if name.endswith(EMBEDDINGS)]  # noqa: SIM118
            if not names:
                raise InputError(f"{path} holds no {EMBEDDINGS}: train the run again")
            return file.get_tensor(names[0])
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): train the run again") from error


def nearest_tokens(embeddings: np.ndarray, token: int, count: int) -> list[tuple[int, float]]:
    """The tokens with the largest inner products with a token's embedding, and the products; the token may be one."""
    products = embeddings @ embeddings[token]
    return [(int(near), float(products[near])) for near in np.argsort(-products, kind="stable")[:count]]
