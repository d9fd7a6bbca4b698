"""The comparisons that a study was run for: one family of tests, equivalence, and what its seeds could have shown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import t

from lab.store.study import Contrast, StudyFolder
from lab.study.metrics import metric
from lab.study.statistics import compared, holm, p_words

LEVEL: Final = 0.05
POWER: Final = 0.8
MARGINS: Final = {"share": 0.01, "nats": 0.05}
"""The difference below which two arms count as equivalent, where a study names no other."""
HIGHER, LOWER, EQUIVALENT, UNDECIDED = "higher", "lower", "equivalent", "not told apart"


def default_contrasts(metric_key: str, arms: Sequence[str], reference: str) -> tuple[Contrast, ...]:
    """All arms against the reference in one metric: the primary comparisons of a study that names none."""
    margin = MARGINS.get(metric(metric_key).unit, math.inf)
    return tuple(
        Contrast(metric=metric_key, arm=arm, reference=reference, margin=margin)
        for arm in arms
        if arm != reference
    )


def primary(folder: StudyFolder) -> pd.DataFrame:
    """The primary comparisons of a study that has been carried out, as `compare_contrasts` describes them."""
    info = folder.info
    contrasts = info.contrasts or default_contrasts(
        info.metrics[0], [arm.name for arm in info.arms], info.reference
    )
    return compare_contrasts(folder.units(), contrasts, {arm.name: arm.label for arm in info.arms})


def compare_contrasts(
    units: pd.DataFrame, contrasts: Sequence[Contrast], labels: Mapping[str, str]
) -> pd.DataFrame:
    """One row per contrast whose arms were measured.

    `difference` [`low`, `high`]: arm less reference, paired by sentence and seed, with its 95 % interval. `p_value`: of
    a difference of 0. `p_holm`: corrected over all contrasts (Holm 1979). `p_equivalent`: of a difference as large as
    `margin`, the larger of two one-sided tests (TOST; Schuirmann 1987). `detectable`: the smallest true difference that
    these seeds show at 5 % with a power of 80 %, before correction. `verdict`: higher or lower (p_holm < 0.05), else
    equivalent (p_equivalent < 0.05), else not told apart.

    Args:
        units: as `StudyFolder.units` gives them.
        contrasts: the family.
        labels: how arms are shown, by name.
    """
    rows = [
        _row(contrast, difference, labels)
        for contrast in contrasts
        if (difference := _difference(units, contrast, labels)) is not None
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS])
    known = table["p_value"].notna().to_numpy()
    table.loc[known, "p_holm"] = holm(table.loc[known, "p_value"].to_numpy(dtype=float))
    table["p_words"] = list(map(p_words, table["p_holm"].astype(float), table["seeds"]))
    return table.assign(verdict=[verdict(row) for row in table.to_dict("records")])


COLUMNS: Final = (
    "metric", "title", "unit", "arm", "reference", "label", "reference_label", "difference", "low", "high", "seeds",
    "p_value", "p_holm", "margin", "p_equivalent", "detectable",
)  # fmt: skip


def _difference(units: pd.DataFrame, contrast: Contrast, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """The row of `compared` with the contrast's difference; None where an arm was not measured."""
    pair = [contrast.reference, contrast.arm]
    of_pair = units[(units["metric"] == contrast.metric) & units["arm"].isin(pair)]
    if set(of_pair["arm"]) != set(pair):
        return None
    table = compared(of_pair, contrast.reference, {arm: labels[arm] for arm in pair})
    return table[table["arm"] == contrast.arm].iloc[0].to_dict()


def _row(contrast: Contrast, difference: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    seeds = int(difference["paired_seeds"])
    error, freedom = _standard_error(difference, seeds)
    shown = metric(contrast.metric)
    return {
        "metric": contrast.metric,
        "title": shown.label,
        "unit": shown.unit,
        "arm": contrast.arm,
        "reference": contrast.reference,
        "label": labels[contrast.arm],
        "reference_label": labels[contrast.reference],
        "difference": difference["difference"],
        "low": difference["difference_low"],
        "high": difference["difference_high"],
        "seeds": seeds,
        "p_value": difference["p_value"],
        "p_holm": math.nan,
        "margin": contrast.margin,
        "p_equivalent": equivalence(difference["difference"], error, freedom, contrast.margin),
        "detectable": smallest_detectable(error, freedom),
    }


def _standard_error(difference: Mapping[str, Any], seeds: int) -> tuple[float, float]:
    """Standard error of the difference, from its interval, and its degrees of freedom."""
    freedom = float(seeds - 1) if seeds > 1 else math.inf
    half = (difference["difference_high"] - difference["difference_low"]) / 2
    return float(half / t.ppf(0.975, freedom)), freedom


def equivalence(difference: float, error: float, freedom: float, margin: float) -> float:
    """The p-value of |true difference| >= margin: the larger of two one-sided t tests (TOST; Schuirmann 1987).

    It is below 5 % exactly where the 90 % interval of the difference lies inside the margin.

    >>> f"{equivalence(0.001, 0.002, 2, 0.01):.3f} {equivalence(0.001, 0.02, 2, 0.01):.3f}"
    '0.023 0.348'
    """
    if math.isnan(error) or error == 0.0:
        return math.nan if math.isnan(error) else float(abs(difference) >= margin)
    return float(t.sf((margin - abs(difference)) / error, freedom))


def smallest_detectable(error: float, freedom: float) -> float:
    """The true difference that a two-sided t test at 5 % finds with a power of 80 %, about: error (t_0.975 + t_0.8).

    >>> round(smallest_detectable(0.01, 2), 4), round(smallest_detectable(0.01, 9), 4)
    (0.0536, 0.0315)
    """
    return float(error * (t.ppf(1 - LEVEL / 2, freedom) + t.ppf(POWER, freedom)))


def verdict(row: Mapping[str, Any]) -> str:
    """What a comparison says: higher, lower, equivalent, or not told apart."""
    if not math.isnan(row["p_holm"]) and row["p_holm"] < LEVEL:
        return HIGHER if row["difference"] > 0 else LOWER
    return EQUIVALENT if row["p_equivalent"] < LEVEL else UNDECIDED


def in_words(row: Mapping[str, Any]) -> str:
    """A comparison as a sentence: difference, interval, corrected p, and what could have been shown."""
    unit = "" if row["unit"] == "share" else f" {row['unit']}"
    digits = 3 if row["unit"] == "share" else 2
    difference, low, high = (f"{row[key]:+.{digits}f}" for key in ("difference", "low", "high"))
    numbers = f"{difference} [{low}, {high}]{unit}"
    if not np.isnan(row["p_holm"]):
        p = row["p_words"]
        numbers += f", p {p if p.startswith('<') else f'= {p}'}"
    endings = {
        HIGHER: "",
        LOWER: "",
        EQUIVALENT: f": equivalent within {row['margin']:g}{unit}",
        UNDECIDED: f": not told apart ({row['seeds']} seeds could have shown {row['detectable']:.{digits}f}{unit})",
    }
    return f"{row['title']}: {row['label']} less {row['reference_label']} {numbers}{endings[row['verdict']]}"
