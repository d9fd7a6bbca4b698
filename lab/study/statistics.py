"""From what cells measured to a table with intervals: sentences within seeds, and seeds as pairs between arms."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import t

from core.errors import InputError
from lab.study.metrics import metric, ordered

RESAMPLES: Final = 1_000
LEVELS: Final = (0.05, 0.01, 0.001)
MOST_ERRORS: Final = 13.0
"""Standard errors beyond which the p-value of a few seeds is told as "smaller than"."""
COLUMNS: Final = (
    "arm", "label", "metric", "title", "unit", "value", "low", "high", "seeds", "n", "difference", "difference_low",
    "difference_high", "effect_size", "paired_seeds", "p_value", "p_holm", "p_words",
    "stars", "ceiling", "truth",
)  # fmt: skip


def two_level(values: np.ndarray, variances: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """Mean of one number per seed with its 95 % interval (mean, low, high), and the p-value of a mean of 0.

    Two things vary: which sentences were held out (`variances`, of each seed's number, by bootstrap) and which seed
    trained the model (the spread of `values`, which holds the sentences' share too). The variance of the mean is
    V = max(s^2 / S, mean(variances) / S), s^2 the variance of the S values, and mean / sqrt(V) is compared with
    Student's t at S - 1 degrees of freedom.

    It assumes that seeds are independent and that what they add is about normal. Then the paired t test over seeds,
    V = s^2 / S, has its level exactly, and this p-value is never smaller: the floor keeps seeds that agree by chance
    from claiming more than their sentences can. The price is power where sentences dominate. Simulated sizes in per
    cent at the levels 5, 1, 5/6 and 0.1 %, seeds spreading 20 times as much as sentences: 4.1, 0.2, 0.1, 0.0 with
    three seeds and 5.0, 1.0, 0.8, 0.05 with five; as much as sentences: 0.1, 0, 0, 0 and 2.1, 0.04, 0.02, 0. More
    degrees of freedom (Satterthwaite's, even bounded by 2 (S - 1)) exceed the levels that Holm reads: 0.15 % at 0.1 %.
    One seed says nothing of other seeds: then the interval covers the sentences alone.

    Args:
        values: a number per seed in the last axis; further axes are further means.
        variances: of each number.

    >>> mean, low, high, p = two_level(np.array([0.30, 0.32, 0.31]), np.full(3, 1e-6))
    >>> f"{mean:.2f} [{low:.3f}, {high:.3f}] p = {p:.4f}"
    '0.31 [0.285, 0.335] p = 0.0003'
    """
    seeds = values.shape[-1]
    mean = values.mean(-1)
    between = values.var(-1, ddof=1) / seeds if seeds > 1 else 0.0
    error = np.sqrt(np.maximum(between, variances.mean(-1) / seeds))
    freedom = seeds - 1 if seeds > 1 else math.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * t.sf(np.abs(mean) / error, freedom)
    # numbers without any spread differ from 0 or do not; a single one may be chance
    p = np.where(error == 0.0, np.where(mean == 0.0, 1.0, 0.0 if seeds > 1 else math.nan), p)[()]
    half = t.ppf(0.975, freedom) * error
    return mean, mean - half, mean + half, p


def smallest_p(seeds: int) -> float:
    """The smallest p-value that is told of so many seeds: 0.05 of two, 0.01 of three, 0.001 of four and more.

    Where S seeds agree by chance, p falls like the (S - 1)th power of their spread, and how often that happens is the
    normal law's claim, which a handful of seeds cannot check. So p is told down to the last of these levels that a
    mean of `MOST_ERRORS` standard errors reaches.

    >>> [smallest_p(seeds) for seeds in (2, 3, 4, 5)]
    [0.05, 0.01, 0.001, 0.001]
    """
    reached = 2 * float(t.sf(MOST_ERRORS, max(seeds, 2) - 1))
    return next((level for level in sorted(LEVELS) if level >= reached), max(LEVELS))


def stars(p: float, seeds: int) -> str:
    """Stars for a p-value of so many seeds; none for a level below the `smallest_p` that they carry.

    >>> stars(0.004, 3), stars(0.0004, 3), stars(0.0004, 5), stars(0.2, 3), stars(math.nan, 3)
    ('**', '**', '***', '', '')
    """
    if math.isnan(p):
        return ""
    return "*" * sum(p < level for level in LEVELS if level >= smallest_p(seeds))


def p_words(p: float, seeds: int) -> str:
    """A p-value as it is told: below the `smallest_p` that so many seeds carry only that it is below.

    >>> p_words(0.034, 3), p_words(0.0004, 3), p_words(0.0004, 5), p_words(math.nan, 3)
    ('0.034', '< 0.01', '< 0.001', '')
    """
    if math.isnan(p):
        return ""
    least = smallest_p(seeds)
    return f"< {least:g}" if p < least else f"{p:.3f}"


def holm(p: np.ndarray) -> np.ndarray:
    """P-values corrected for their number (Holm 1979): the i-th smallest of m times m - i + 1, never decreasing.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


class _Sample:
    """One metric of all arms in one seed: values, their bootstrap draws, and each unit's influence.

    All arms are resampled with the same weights, so that differences are paired by unit.
    """

    def __init__(self, table: pd.DataFrame, seed: int) -> None:
        units, at = np.unique(table["unit"].to_numpy(), return_inverse=True)
        self.n = len(units)
        share = np.full(self.n, 1 / self.n)
        weights = np.random.default_rng([0, seed]).multinomial(self.n, share, RESAMPLES).astype(np.float64)
        self.value: dict[str, float] = {}
        self.draws: dict[str, np.ndarray] = {}
        self.influence: dict[str, np.ndarray] = {}
        for key, rows in table.assign(at=at).groupby(["arm", "part"], sort=False):
            total, weight = (
                np.bincount(rows["at"], rows[column], minlength=self.n) for column in ("total", "weight")
            )
            value = total.sum() / weight.sum()
            drawn = (weights @ total) / np.maximum(weights @ weight, 1e-12)
            influence = (total - value * weight) / weight.mean()
            name = str(key[0])  # pyright: ignore[reportIndexIssue]
            self.value[name] = self.value.get(name, 0.0) + float(value)
            self.draws[name] = self.draws.get(name, 0.0) + drawn
            self.influence[name] = self.influence.get(name, 0.0) + influence


def compared(units: pd.DataFrame, reference: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """The tidy table of a study: a row per arm and metric.

    `value` [`low`, `high`]: mean over seeds with its 95 % interval. `difference` [`difference_low`,
    `difference_high`]: from the reference arm on the same sentences of the same seeds. `effect_size`: Cohen's d_z, the
    difference in standard deviations of the sentences' differences (of the seeds' where there are no sentences).
    `p_value` by `two_level` over the `paired_seeds` that have both arms; `p_holm`: corrected over the arms of the
    metric, in `p_words` and `stars` told as "smaller than" below `smallest_p`. `n`: sentences or meanings per seed.
    `ceiling` and `truth` of a bound, in nats, where there is one. An interval ends where its number can not go on: at 0
    and 1, or at the ceiling.

    Args:
        units: as `StudyFolder.units` gives them.
        reference: the arm that others are compared with.
        labels: how arms are shown, by name, in their order.

    Raises:
        InputError: there is no such arm.
    """
    if reference not in labels:
        raise InputError(f"expected an arm out of {', '.join(labels)}, got {reference!r}")
    parts = [
        _compared_metric(units[units["metric"] == key], key, reference, list(labels))
        for key in ordered(set(units["metric"]))
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(label=table["arm"].map(labels))[list(COLUMNS)]


def _compared_metric(units: pd.DataFrame, key: str, reference: str, names: Sequence[str]) -> pd.DataFrame:
    samples = {int(seed): _Sample(rows, int(seed)) for seed, rows in units.groupby("seed")}
    shown = metric(key)
    rows = [
        _row(samples, arm, reference) for arm in names if any(arm in one.value for one in samples.values())
    ]
    table = pd.DataFrame(rows).assign(metric=key, title=shown.label, unit=shown.unit)
    limits = units.groupby("arm")[["ceiling", "truth"]].mean().reindex(table["arm"])
    table[["ceiling", "truth"]] = limits.to_numpy()
    table["low"] = table["low"].clip(lower=shown.least)
    table["high"] = table["high"].clip(upper=1.0 if shown.unit == "share" else table["ceiling"])
    tested = table["p_value"].notna().to_numpy()
    table["p_holm"] = np.nan
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"].to_numpy(dtype=float))
    table["p_words"] = list(map(p_words, table["p_holm"], table["paired_seeds"]))
    table["stars"] = list(map(stars, table["p_holm"], table["paired_seeds"]))
    return table


def _row(samples: dict[int, _Sample], arm: str, reference: str) -> dict[str, object]:
    own = [one for one in samples.values() if arm in one.value]
    values, variances = _over_seeds(own, arm)
    value, low, high, _ = two_level(values, variances)
    if len(own) == 1 and own[0].n == 1:
        # a single number has no spread
        low = high = math.nan
    row = {"arm": arm, "value": value, "low": low, "high": high, "seeds": len(own), "n": own[0].n}
    both = [one for one in own if reference in one.value]
    if arm == reference or not both:
        empty = ("difference", "difference_low", "difference_high", "effect_size", "p_value")
        return row | dict.fromkeys(empty, math.nan) | {"paired_seeds": 0}
    values, variances = _over_seeds(both, arm, reference)
    difference, low, high, p = two_level(values, variances)
    if math.isnan(p):
        low = high = math.nan
    return row | {
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
        "effect_size": _effect_size(both, values, arm, reference),
        "paired_seeds": len(both),
        "p_value": p,
    }


def _over_seeds(
    samples: Sequence[_Sample], arm: str, reference: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Per seed the value of an arm, or its difference from another, and the variance that sentences give it."""
    if reference is None:
        values = [one.value[arm] for one in samples]
        draws = [one.draws[arm] for one in samples]
    else:
        values = [one.value[arm] - one.value[reference] for one in samples]
        draws = [one.draws[arm] - one.draws[reference] for one in samples]
    return np.array(values), np.array([float(drawn.var()) for drawn in draws])


def _effect_size(samples: Sequence[_Sample], differences: np.ndarray, arm: str, reference: str) -> float:
    if samples[0].n == 1:
        spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    else:
        variances = [float((one.influence[arm] - one.influence[reference]).var(ddof=1)) for one in samples]
        spread = math.sqrt(float(np.mean(variances)))
    return float(differences.mean()) / spread if spread else math.nan
