"""From what cells measured to a table with intervals: sentences within seeds, and seeds as pairs between arms."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from core.errors import unknown
from lab.evaluate.intervals import share_interval
from lab.figures.metrics import Parts
from lab.study.metrics import metric, ordered
from lab.study.significance import holm, p_words, stars, two_level

RESAMPLES: Final = 1_000
COLUMNS: Final = (
    "arm", "label", "metric", "title", "unit", "value", "low", "high", "seeds", "n", "difference", "difference_low",
    "difference_high", "effect_size", "paired_seeds", "p_value", "p_holm", "p_words",
    "stars", "ceiling", "truth", "chance", "attainable",
)  # fmt: skip


class _Sample:
    """One metric of all arms in one seed: values, their bootstrap draws, and each unit's total, weight and influence.

    All arms are resampled with the same weights, so that differences are paired by unit. Totals and weights are
    divided by the weights' sum, so that the totals of an arm add up to its value.
    """

    def __init__(self, table: pd.DataFrame, seed: int, parts: Parts = "sum") -> None:
        units, at = np.unique(table["unit"].to_numpy(), return_inverse=True)
        self.n = len(units)
        share = np.full(self.n, 1 / self.n)
        self._weights = (
            np.random.default_rng([0, seed]).multinomial(self.n, share, RESAMPLES).astype(np.float64)
        )
        self.value: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        self.influence: dict[str, np.ndarray] = {}
        self.total: dict[str, np.ndarray] = {}
        self.weight: dict[str, np.ndarray] = {}
        for name, of_arm in table.assign(at=at).groupby("arm", sort=False):
            columns = [self._part(rows) for _, rows in of_arm.groupby("part", sort=False)]
            values, draws, *by_unit = zip(*columns, strict=True)
            arm = str(name)
            self.value[arm], self.draws[arm], slopes = together(parts, values, draws)
            # what moves a part moves the metric by its slope
            self.influence[arm], self.total[arm], self.weight[arm] = (
                sum(slope * part for slope, part in zip(slopes, each, strict=True)) for each in by_unit
            )

    def _part(self, rows: pd.DataFrame) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Value, draws, and the influence, total and weight of each unit, of one part of an arm's metric."""
        total, weight = (
            np.bincount(rows["at"], rows[column], minlength=self.n) for column in ("total", "weight")
        )
        value = total.sum() / weight.sum()
        drawn = (self._weights @ total) / np.maximum(self._weights @ weight, 1e-12)
        influence = (total - value * weight) / weight.mean()
        return float(value), drawn, influence, total / weight.sum(), weight / weight.sum()


def together(
    parts: Parts, values: Sequence[float], draws: Sequence[np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """A metric from the values of its parts: its value, the same of every draw, and its slope for each part.

    Args:
        parts: their sum, the most or the least of them, or their standard deviation.
        values: of each part.
        draws: of each part; in every draw another part may be the most or the least.

    >>> value, draws, slopes = together("spread", [1.0, 3.0], [np.array([1.0]), np.array([5.0])])
    >>> value, draws.tolist(), slopes.tolist()
    (1.0, [2.0], [-0.5, 0.5])
    """
    if parts == "sum":
        return sum(values), sum(draws, np.zeros(1)), np.ones(len(values))
    known = np.array(values)
    if parts == "spread":
        spread = float(known.std())
        slopes = (known - known.mean()) / (len(known) * spread) if spread else np.zeros(len(known))
        return spread, np.std(draws, axis=0), slopes
    place, end = (known.argmax(), np.max) if parts == "most" else (known.argmin(), np.min)
    return float(known[place]), end(draws, axis=0), np.eye(len(known))[place]


def _share_limits(samples: Sequence[_Sample], arm: str, reference: str | None = None) -> tuple[float, float]:
    """95 % interval for a share, or a difference of shares, from the units of all seeds together.

    A difference d is measured by (1 + d) / 2, the share of answers that are right in one arm or wrong in the other.
    """
    total = np.concatenate([sample.total[arm] for sample in samples])
    weight = np.concatenate([sample.weight[arm] for sample in samples])
    if reference is not None:
        others = np.concatenate([sample.weight[reference] - sample.total[reference] for sample in samples])
        total, weight = (
            total + others,
            weight + np.concatenate([sample.weight[reference] for sample in samples]),
        )
    low, high = (float(end) for end in share_interval(total, weight))
    return (low, high) if reference is None else (2 * low - 1, 2 * high - 1)


def compared(units: pd.DataFrame, reference: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """The tidy table of a study: a row per arm and metric.

    `value` [`low`, `high`]: mean over seeds with its 95 % interval. `difference` [`difference_low`,
    `difference_high`]: from the reference arm on the same sentences of the same seeds. `effect_size`: Cohen's d_z, the
    difference in standard deviations of the sentences' differences (of the seeds' where there are no sentences).
    `p_value` by `two_level` over the `paired_seeds` that have both arms; `p_holm`: corrected over the arms of the
    metric, in `p_words` and `stars` told as "smaller than" below `smallest_p`. `n`: sentences or meanings per seed.
    `ceiling` and `truth` of a bound, in nats, where there is one, and what is `attainable`: what the ideal reader or
    critic shows; `chance`: the share that guessing finds. An interval ends where its number can not go on: at 0 and 1,
    or at the ceiling. That of a share also covers `share_interval` over the sentences of all seeds, so that it does not
    collapse where every answer is right.

    Args:
        units: as `StudyFolder.units` gives them.
        reference: the arm that others are compared with.
        labels: how arms are shown, by name, in their order.

    Raises:
        InputError: there is no such arm.
    """
    if reference not in labels:
        raise unknown("an arm", reference, labels)
    parts = [
        _compared_metric(units[units["metric"] == key], key, reference, list(labels))
        for key in ordered(set(units["metric"]))
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(label=table["arm"].map(labels))[list(COLUMNS)]


def _compared_metric(units: pd.DataFrame, key: str, reference: str, names: Sequence[str]) -> pd.DataFrame:
    shown = metric(key)
    # a standard deviation of shares is no share of answers
    share = shown.unit == "share" and shown.parts != "spread"
    samples = {int(seed): _Sample(rows, int(seed), shown.parts) for seed, rows in units.groupby("seed")}
    rows = [
        _row(samples, arm, reference, share)
        for arm in names
        if any(arm in sample.value for sample in samples.values())
    ]
    table = pd.DataFrame(rows).assign(metric=key, title=shown.label, unit=shown.unit)
    names_of_limits = ["ceiling", "truth", "chance", "attainable"]
    limits = units.reindex(columns=["arm", *names_of_limits]).groupby("arm").mean()
    table[names_of_limits] = limits.reindex(table["arm"]).to_numpy()
    table["low"] = table["low"].clip(lower=shown.least)
    table["high"] = table["high"].clip(upper=1.0 if shown.unit == "share" else table["ceiling"])
    tested = table["p_value"].notna().to_numpy()
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"].to_numpy(dtype=float))
    table["p_words"] = list(map(p_words, table["p_holm"], table["paired_seeds"]))
    table["stars"] = list(map(stars, table["p_holm"], table["paired_seeds"]))
    return table


def _row(samples: dict[int, _Sample], arm: str, reference: str, share: bool) -> dict[str, object]:
    of_arm = [sample for sample in samples.values() if arm in sample.value]
    value, low, high, _ = _over_seeds(of_arm, arm, None, share)
    if len(of_arm) == 1 and of_arm[0].n == 1:
        # a single number has no spread
        low = high = math.nan
    row = {"arm": arm, "value": value, "low": low, "high": high, "seeds": len(of_arm), "n": of_arm[0].n}
    with_reference = [sample for sample in of_arm if reference in sample.value]
    if arm == reference or not with_reference:
        empty = ("difference", "difference_low", "difference_high", "effect_size", "p_value")
        return row | dict.fromkeys(empty, math.nan) | {"paired_seeds": 0}
    difference, low, high, p = _over_seeds(with_reference, arm, reference, share)
    if math.isnan(p):
        low = high = math.nan
    return row | {
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "effect_size": _effect_size(with_reference, arm, reference),
        "paired_seeds": len(with_reference),
        "p_value": p,
    }


def _over_seeds(
    samples: Sequence[_Sample], arm: str, reference: str | None, share: bool
) -> tuple[float, float, float, float]:
    """`two_level` of an arm, or of its difference from another: mean, low, high, p-value.

    The interval of a share also covers `_share_limits`, which leave room where all answers are right, or none.
    """
    values, draws = _differences(samples, arm, reference)
    mean, low, high, p = (float(number) for number in two_level(values, draws.var(axis=1)))
    if share:
        limits = _share_limits(samples, arm, reference)
        low, high = min(low, limits[0]), max(high, limits[1])
    return mean, low, high, p


def _differences(
    samples: Sequence[_Sample], arm: str, reference: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Per seed the value of an arm, or its difference from another, and bootstrap draws of it, [seeds, draws]."""
    values = np.array([sample.value[arm] for sample in samples])
    draws = np.stack([sample.draws[arm] for sample in samples])
    if reference is not None:
        values = values - np.array([sample.value[reference] for sample in samples])
        draws = draws - np.stack([sample.draws[reference] for sample in samples])
    return values, draws


def _effect_size(samples: Sequence[_Sample], arm: str, reference: str) -> float:
    differences, _ = _differences(samples, arm, reference)
    if samples[0].n == 1:
        spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    else:
        variances = [
            float((sample.influence[arm] - sample.influence[reference]).var(ddof=1)) for sample in samples
        ]
        spread = math.sqrt(float(np.mean(variances)))
    return float(differences.mean()) / spread if spread else math.nan
