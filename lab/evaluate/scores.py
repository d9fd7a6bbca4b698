"""Retrieval as rows of a run's score table, and back."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from lab.evaluate.means import MeanAccuracy, language_means, mean_accuracy
from lab.evaluate.nearness import COSINE
from lab.evaluate.retrieval import RetrievalDirection

ACCURACY: Final = "accuracy"
MEAN: Final = "mean_accuracy"
MEAN_FROM: Final = "mean_from"
MEAN_TO: Final = "mean_to"
_COLUMNS: Final = ("source", "target", "metric", "value", "low", "high", "n", "pool", "chance")


def scores(directions: Sequence[RetrievalDirection], layer: int) -> pd.DataFrame:
    """Tidy rows of the score table: one per direction, two means per language, and the mean; none of no direction.

    `n` is the number of queries, of a mean that of meanings; `pool` the number of candidates, of a mean the fewest.
    """
    rows = [
        (
            each.source,
            each.target,
            ACCURACY,
            each.accuracy,
            *each.interval(),
            len(each.correct),
            each.pool,
            each.chance,
        )
        for each in directions
    ]
    for each in language_means(directions):
        rows += _mean_row(each.language, "", MEAN_FROM, each.asking)
        rows += _mean_row("", each.language, MEAN_TO, each.searched)
    rows += _mean_row("", "", MEAN, mean_accuracy(directions))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.assign(task="retrieval", layer=layer, unit="share", measure=COSINE.measure)


def _mean_row(source: str, target: str, metric: str, mean: MeanAccuracy | None) -> list[tuple]:
    if mean is None:
        return []
    return [
        (source, target, metric, mean.value, mean.low, mean.high, mean.meanings, mean.pools[0], mean.chance)
    ]


def step_record(mean: MeanAccuracy | None) -> dict[str, float]:
    """The record of retrieval in a step of training; empty where nothing can be measured."""
    if mean is None:
        return {}
    return {
        "retrieval": mean.value,
        "retrieval_low": mean.low,
        "retrieval_high": mean.high,
        "retrieval_chance": mean.chance,
        "retrieval_directions": mean.directions,
        "retrieval_smallest_pool": mean.pools[0],
        "retrieval_largest_pool": mean.pools[1],
    }


def read_directions(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of the directions in a run's score table: source, target, value, low, high, n, pool, chance, layer.

    Tables of earlier versions say neither pool nor chance; theirs was the pool of the `n` shared meanings.
    """
    rows = scores[(scores["task"] == "retrieval") & (scores["metric"] == ACCURACY)].reset_index(drop=True)
    return rows.assign(pool=rows["pool"].fillna(rows["n"]), chance=rows["chance"].fillna(1 / rows["n"]))


def read_languages(scores: pd.DataFrame) -> pd.DataFrame:
    """Means of each language in a run's score table: language, metric, value, low, high, chance.

    The metric is `MEAN_FROM` or `MEAN_TO`.
    """
    rows = scores[(scores["task"] == "retrieval") & scores["metric"].isin((MEAN_FROM, MEAN_TO))]
    return rows.assign(language=rows["source"] + rows["target"]).reset_index(drop=True)


def read_mean(scores: pd.DataFrame) -> MeanAccuracy | None:
    """The mean over directions in a run's score table, or None where nothing was measured."""
    means = scores[(scores["task"] == "retrieval") & (scores["metric"] == MEAN)]
    directions = read_directions(scores)
    if not len(means) or not len(directions):
        return None
    row = means.iloc[0]
    return MeanAccuracy(
        value=float(row["value"]),
        low=float(row["low"]),
        high=float(row["high"]),
        chance=float(directions["chance"].mean()),
        directions=len(directions),
        pools=(int(directions["pool"].min()), int(directions["pool"].max())),
        meanings=int(row["n"]),
    )
