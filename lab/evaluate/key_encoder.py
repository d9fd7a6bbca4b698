"""How far a key encoder follows a query encoder, by momentum and precision."""

from typing import Final

import pandas as pd
import torch

from core.model.memory import momentum_update

WEIGHTS: Final = 4_000
WEIGHT_STD: Final = 0.04


def followed(updates: int = 10_000, displacement: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Share of the way that a key encoder goes to a query encoder that stands still, by momentum and precision.

    Random weights with the spread of a trained encoder's, displaced once by a share of it; `expected` is
    1 - momentum^updates, what float32 must show.

    Args:
        updates: of the key encoder.
        displacement: of the query encoder's weights, in their standard deviations.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    start = WEIGHT_STD * torch.randn(WEIGHTS, generator=generator)
    fast = start + displacement * WEIGHT_STD * torch.randn(WEIGHTS, generator=generator)
    rows = []
    for momentum in (0.99, 0.999, 0.9999):
        row: dict[str, float] = {"momentum": momentum, "expected": 1 - momentum**updates}
        for precision in ("float32", "float16"):
            slow = start.clone()
            for _ in range(updates):
                momentum_update([slow], [fast], momentum, precision)
            way = fast - start
            row[precision] = float((slow - start) @ way / (way @ way))
        rows.append(row)
    return pd.DataFrame(rows)
