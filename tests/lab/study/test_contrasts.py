"""Primary comparisons of a study: one family, equivalence and power, against slow oracles and simulations."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nct, t, ttest_rel

from lab.store.study import Contrast
from lab.study.contrasts import (
    compare_contrasts,
    default_contrasts,
    equivalence,
    in_words,
    smallest_detectable,
)
from lab.study.definitions import STUDIES
from lab.study.metrics import all_metrics
from lab.study.scales import SCALES, base_settings
from lab.study.statistics import holm

SEEDS = (1, 2, 3, 4)
LABELS = {"a": "A", "b": "B", "c": "C"}


def units(shifts: dict[str, float], spread: float = 0.01, metric: str = "tlm") -> pd.DataFrame:
    """Sentences that all arms share; an arm is shifted, and each of its seeds by a little more."""
    rng = np.random.default_rng(5)
    parts = []
    for seed in SEEDS:
        shared = rng.normal(2.0, 1.0, 300)
        for arm, shift in shifts.items():
            parts.append(
                pd.DataFrame({"arm": arm, "seed": seed, "metric": metric, "part": "", "unit": np.arange(300),
                              "total": shared + shift + spread * rng.normal(), "weight": 1.0, "ceiling": math.nan,
                              "truth": math.nan})
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def contrast(arm: str, reference: str = "a", margin: float = 0.05) -> Contrast:
    return Contrast(metric="tlm", arm=arm, reference=reference, margin=margin)


def test_p_is_the_paired_t_test_over_seeds_and_one_family_is_corrected_together():
    table = compare_contrasts(units({"a": 0.0, "b": 0.3, "c": 0.001}), [contrast("b"), contrast("c")], LABELS)
    means = units({"a": 0.0, "b": 0.3, "c": 0.001}).pivot_table(values="total", index="seed", columns="arm")
    slow = [ttest_rel(means[arm], means["a"]).pvalue for arm in "bc"]
    assert table["p_value"].to_numpy() == pytest.approx(slow, rel=1e-6)
    assert table["p_holm"].to_numpy() == pytest.approx(holm(np.array(slow)), rel=1e-6)
    assert table["verdict"].tolist() == ["higher", "equivalent"]


def test_without_power_arms_are_not_told_apart_instead_of_equivalent():
    table = compare_contrasts(units({"a": 0.0, "b": 0.0}, spread=0.5), [contrast("b")], LABELS)
    assert table["verdict"].tolist() == ["not told apart"]
    assert f"could have shown {table['detectable'].iloc[0]:.2f} nats" in in_words(table.iloc[0].to_dict())


def test_equivalent_is_where_the_ninety_per_cent_interval_lies_inside_the_margin():
    rng = np.random.default_rng(1)
    for difference, error, margin in zip(
        rng.normal(0, 1, 50), rng.random(50), rng.random(50) * 3, strict=True
    ):
        half = t.ppf(0.95, 2) * error
        inside = -margin < difference - half and difference + half < margin
        assert (equivalence(difference, error, 2, margin) < 0.05) == inside


def test_equivalence_is_claimed_of_arms_that_differ_by_the_margin_in_at_most_five_per_cent():
    rng = np.random.default_rng(2)
    values = rng.normal(0.05, 0.02, (20_000, 3))
    errors = values.std(1, ddof=1) / math.sqrt(3)
    claimed = np.mean(
        [equivalence(m, e, 2, 0.05) < 0.05 for m, e in zip(values.mean(1), errors, strict=True)]
    )
    # four standard deviations of a binomial above the level
    assert claimed < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 20_000)


@pytest.mark.parametrize("freedom", [4, 9, 30])
def test_the_detectable_difference_has_about_the_power_it_names(freedom):
    """The exact power is that of a non-central t; the formula is its usual approximation."""
    shift = smallest_detectable(1.0, freedom)
    power = nct.sf(t.ppf(0.975, freedom), freedom, shift)
    assert power == pytest.approx(0.8, abs=0.03)


def test_a_contrast_whose_arm_was_not_measured_is_left_out():
    assert compare_contrasts(units({"a": 0.0, "b": 0.1}), [contrast("c"), contrast("b")], LABELS)[
        "arm"
    ].tolist() == ["b"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_names_comparisons_between_its_arms_in_metrics_that_exist(name, scale):
    study = STUDIES[name]
    arms = [arm.name for arm in study.arms(base_settings(study, scale))]
    contrasts = study.contrasts or default_contrasts(study.metrics[0], arms, study.reference or arms[0])
    assert {contrast.metric for contrast in contrasts} <= all_metrics().keys()
    assert all(
        contrast.arm in arms and contrast.reference in arms and contrast.margin > 0 for contrast in contrasts
    )
