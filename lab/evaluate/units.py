"""Units, which an evaluation returns to a study: a metric's value by unit, to compare arms on the same sentences."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def units(
    metric: str,
    unit: Sequence[int] | np.ndarray,
    total: Any,
    weight: Any,
    ceiling: float = math.nan,
    truth: float = math.nan,
    chance: float = math.nan,
    attainable: float = math.nan,
) -> pd.DataFrame:
    """The units of a metric, whose value is sum(total) / sum(weight); NaN where a limit is not known.

    Args:
        metric: key of a `lab.figures.metrics.Metric`.
        unit: numbers of the units, most often meanings, [units].
        total: what each unit adds to the sum, [units].
        weight: how much each unit counts, [units].
        ceiling: the most that the metric can show.
        truth: what there is to be shown.
        chance: what guessing reaches.
        attainable: what the ideal reader or critic would show.

    Returns:
        Columns metric, part, unit, total, weight, ceiling, truth, chance, attainable. A metric may be the sum over
        several parts; all have one, which is empty.
    """
    return pd.DataFrame(
        {
            "metric": metric,
            "part": "",
            "unit": np.asarray(unit, dtype=np.int64),
            "total": np.asarray(total, dtype=np.float64),
            "weight": np.asarray(weight, dtype=np.float64),
            "ceiling": ceiling,
            "truth": truth,
            "chance": chance,
            "attainable": attainable,
        }
    )
