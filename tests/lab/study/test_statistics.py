"""From measured units to a table: intervals, tests and effect sizes against oracles and simulations."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from core.errors import InputError
from lab.evaluate.classification import gap_interval
from lab.evaluate.intervals import share_interval
from lab.study.statistics import compared, together

SEEDS = (1, 2, 3)


def units(
    values: dict[str, dict[int, np.ndarray]], metric: str = "retrieval", part: str = ""
) -> pd.DataFrame:
    """Units of weight 1: one number per arm, seed and sentence."""
    rows = [
        pd.DataFrame({"arm": arm, "seed": seed, "metric": metric, "part": part, "unit": np.arange(len(numbers)),
                      "total": numbers, "weight": 1.0, "ceiling": math.nan, "truth": math.nan})
        for arm, by_seed in values.items() for seed, numbers in by_seed.items()
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def table(measured: pd.DataFrame, reference: str = "a") -> pd.DataFrame:
    labels = {arm: arm.upper() for arm in measured["arm"].unique()}
    return compared(measured, reference, labels).set_index("arm")


def drawn(effect: float, spread: float, seed: int, sentences: int = 200) -> dict[str, dict[int, np.ndarray]]:
    """Two arms that share the difficulty of their sentences; `spread` is what a seed adds to their difference."""
    rng = np.random.default_rng(seed)
    a = {s: rng.normal(0.0, 1.0, sentences) for s in SEEDS}
    b = {s: a[s] + effect + spread * rng.normal() + rng.normal(0.0, 0.3, sentences) for s in SEEDS}
    return {"a": a, "b": b}


def test_a_value_is_the_mean_over_seeds_of_the_ratio_of_sums():
    measured = units({"a": {s: np.array([1.0, 0.0, 1.0]) for s in SEEDS}})
    measured["weight"] = [1.0, 2.0, 3.0] * 3
    assert table(measured).loc["a", "value"] == pytest.approx(2 / 6)


def test_parts_of_a_metric_add_up():
    rng = np.random.default_rng(0)
    parts = [
        units({"a": {s: sign * rng.normal(2, 1, 50) for s in SEEDS}}, "tlm_minus_mmlm", part)
        for sign, part in ((1, "tlm"), (-1, "alone"))
    ]
    expected = sum(part["total"].mean() for part in parts)
    assert table(pd.concat(parts)).loc["a", "value"] == pytest.approx(expected)


def of_languages(metric: str, seeds: tuple[int, ...] = SEEDS, shift: float = 0.0) -> pd.DataFrame:
    """Units of two arms in three languages of unequal means; the shift moves what arm b has in one of them."""
    rng = np.random.default_rng(5)
    means = {"en": 0.9, "sw": 0.4, "th": 0.6}
    return pd.concat(
        units(
            {arm: {s: rng.normal(means[tag] + (tag == "sw") * (arm == "b") * shift, 0.1, 60) for s in seeds}
             for arm in ("a", "b")},
            metric, tag,
        )
        for tag in means
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "end"), [("retrieval_worst", min), ("mmlm_worst", max), ("mmlm_spread", np.std)]
)
def test_the_worst_language_and_the_spread_are_those_of_the_means_of_languages_averaged_over_seeds(
    metric, end
):
    measured = of_languages(metric)
    means = measured[measured["arm"] == "a"].groupby(["seed", "part"])["total"].mean().unstack()
    assert table(measured).loc["a", "value"] == pytest.approx(np.mean([end(row) for row in means.to_numpy()]))


def test_a_language_that_gains_raises_the_worst_and_narrows_the_spread():
    for metric, sign in (("retrieval_worst", 1), ("retrieval_spread", -1)):
        row = table(of_languages(metric, shift=0.15)).loc["b"]
        assert sign * row["difference"] > 0
        assert sign * row["difference_low" if sign > 0 else "difference_high"] > 0


@pytest.mark.parametrize("parts", ["sum", "most", "least", "spread"])
def test_the_slopes_of_a_metric_are_its_derivatives_by_its_parts(parts):
    values, step = [0.3, 0.8, 0.5], 1e-6
    _, _, slopes = together(parts, values, [np.zeros(1)] * 3)
    for place, slope in enumerate(slopes):
        moved = [value + step * (at == place) for at, value in enumerate(values)]
        difference = (
            together(parts, moved, [np.zeros(1)] * 3)[0] - together(parts, values, [np.zeros(1)] * 3)[0]
        )
        # the second order of the spread is some 1e-6 of the step
        assert difference / step == pytest.approx(slope, abs=1e-5)


def test_in_each_draw_another_language_may_be_the_worst():
    low, high = np.array([0.1, 0.9]), np.array([0.5, 0.5])
    assert together("least", [0.4, 0.5], [low, high])[1].tolist() == [0.1, 0.5]


def test_where_seeds_dominate_it_is_the_paired_t_test_over_seeds():
    values = drawn(effect=0.5, spread=1.0, seed=4)
    means = {arm: [by_seed[s].mean() for s in SEEDS] for arm, by_seed in values.items()}
    slow = ttest_rel(means["b"], means["a"])
    row = table(units(values, "mmlm")).loc["b"]
    assert row["p_value"] == pytest.approx(slow.pvalue)
    interval = slow.confidence_interval(0.95)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((interval.low, interval.high))


def test_sentences_are_paired_so_that_what_is_hard_for_both_arms_cancels():
    values = drawn(effect=0.1, spread=0.0, seed=1)
    paired = table(units(values, "mmlm")).loc["b"]
    rng = np.random.default_rng(2)
    shuffled = values | {"b": {s: rng.permutation(values["b"][s]) for s in SEEDS}}
    unpaired = table(units(shuffled, "mmlm")).loc["b"]
    assert paired["difference"] == pytest.approx(unpaired["difference"])
    # the sentences of both arms have variance 1, their differences 0.09
    assert paired["effect_size"] > 3 * unpaired["effect_size"]
    assert paired["p_value"] < unpaired["p_value"]


def test_the_effect_size_is_the_difference_in_standard_deviations_of_paired_sentences():
    values = drawn(effect=0.6, spread=0.0, seed=3, sentences=4_000)
    assert table(units(values, "mmlm")).loc["b", "effect_size"] == pytest.approx(2.0, abs=0.1)


def test_an_interval_holds_the_truth_at_least_as_often_as_it_claims():
    held = 0
    for trial in range(100):
        row = table(units(drawn(effect=0.3, spread=0.3, seed=trial, sentences=60), "mmlm")).loc["b"]
        held += row["difference_low"] <= 0.3 <= row["difference_high"]
    assert held >= 90


@pytest.mark.parametrize(
    ("share_a", "share_b"), [(1.0, 1.0), (0.99, 0.97), (0.5, 0.4), (0.0, 0.03), (1.0, 0.0)]
)
@pytest.mark.parametrize("seeds", [SEEDS[:1], SEEDS])
def test_the_interval_of_a_share_holds_that_of_all_its_sentences_which_covers_up_to_0_and_1(
    share_a, share_b, seeds
):
    rng = np.random.default_rng([len(seeds), int(100 * share_b)])
    right = {arm: {s: (rng.random(80) < share).astype(float) for s in seeds}
             for arm, share in (("a", share_a), ("b", share_b))}  # fmt: skip
    row = table(units(right)).loc["b"]
    together = np.column_stack([np.concatenate(list(right[arm].values())) for arm in ("b", "a")])
    low, high = share_interval(together[:, 0])
    assert row["low"] - 1e-12 <= low < high <= row["high"] + 1e-12
    if len(seeds) > 1:
        low, high = gap_interval(together, np.ones(together.shape, dtype=bool), 0, [1])
        assert row["difference_low"] <= low + 1e-12
        assert high - 1e-12 <= row["difference_high"]


def test_one_seed_has_the_interval_of_its_sentences():
    values = {"a": {1: np.repeat([0.0, 1.0], 50)}}
    row = table(units(values)).loc["a"]
    # 1.96 standard errors of a share of a half in 100; the bootstrap of 1,000 draws adds a few per cent
    assert row["high"] - row["value"] == pytest.approx(1.96 * 0.05, rel=0.1)


def test_a_number_without_sentences_has_an_interval_over_seeds_only():
    values = {arm: {s: np.array([base + s]) for s in SEEDS} for arm, base in (("a", 10.0), ("b", 20.0))}
    result = table(units(values, "seconds"))
    assert result.loc["a", "value"] == 12.0
    assert result.loc["a", "low"] < 11
    assert result.loc["b", "difference"] == 10.0
    alone = table(units({arm: {1: by_seed[1]} for arm, by_seed in values.items()}, "seconds"))
    assert alone[["low", "high", "p_value", "effect_size"]].isna().all(axis=None)


def test_a_share_stays_between_0_and_1():
    values = {"a": {s: np.r_[1.0, np.zeros(40)] * (s == 1) for s in SEEDS}}
    row = table(units(values)).loc["a"]
    assert (row["low"], row["high"] <= 1.0) == (0.0, True)


def test_a_bound_does_not_pass_its_ceiling_nor_a_loss_0():
    values = {"a": {s: np.full(30, 4.0 + 0.2 * s) for s in SEEDS}}
    bound = table(units(values, "mmlm").assign(ceiling=4.5)).loc["a"]
    assert bound["high"] == 4.5
    loss = table(units({"a": {s: np.full(30, 0.01 * s) for s in SEEDS}}, "mmlm_loss")).loc["a"]
    assert loss["low"] == 0.0


def test_the_reference_arm_is_compared_with_nothing_and_a_missing_seed_is_left_out_of_pairs():
    values = drawn(effect=0.5, spread=0.1, seed=6)
    del values["b"][3]
    result = table(units(values, "mmlm"))
    assert result.loc["a", ["difference", "p_value", "p_holm"]].isna().all()
    assert result.loc["b", ["seeds", "paired_seeds"]].tolist() == [2, 2]
    assert result.loc["a", ["seeds", "paired_seeds"]].tolist() == [3, 0]
    expected = np.mean([values["b"][s].mean() - values["a"][s].mean() for s in (1, 2)])
    assert result.loc["b", "difference"] == pytest.approx(expected)


def test_an_unknown_reference_is_refused_with_the_arms_there_are():
    with pytest.raises(InputError, match="out of a, b, got 'c'"):
        table(units(drawn(0.0, 0.0, 0)), "c")
