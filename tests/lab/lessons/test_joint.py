"""Lesson 06: claims in studies whose effects are known, and the checks of its exercises."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from lab.lessons import check
from lab.lessons.joint import (
    CLAIMS,
    JOINT,
    claims,
    holm_correction,
    reading_in_words,
    rise_in_words,
    shown_claims,
    stored_study,
    tokens_in_words,
    transfer_gap,
    verdict_of_numbers,
    verdicts_in_words,
)
from lab.recipes import toy
from lab.store.study import ArmInfo, StudyInfo, study_folder
from lab.study.significance import holm
from lab.study.statistics import compared

ARMS = ("mmlm", "mmlm-tlm", "mmlm-xlco", "mmlm-tlm-xlco")
LEVELS = {
    "retrieval": (0.1, 0.1, 0.8, 0.8),
    "tlm": (1.0, 3.0, 1.0, 2.0),
    "mmlm": (2.0, 2.0, 2.0, 2.0),
    "tlm_minus_mmlm": (-1.0, 1.0, -1.0, 2.0),
    "wrong_translation": (0.0, 0.0, 0.0, 0.3),
}
"""Per metric, of each arm: TLM is best without the contrast, which alone raises retrieval and use of translations."""
SEED_SPREAD = {"wrong_translation": 0.5}
"""Standard deviation over seeds, where there is any."""
SEEDS = (101, 102, 103)


@pytest.fixture
def study():
    parts = []
    for metric, levels in LEVELS.items():
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            for arm, level in zip(ARMS, levels, strict=True):
                spread = SEED_SPREAD.get(metric, 0.0) * rng.standard_normal()
                total = level + spread + 0.05 * rng.standard_normal(200)
                parts.append(
                    pd.DataFrame(
                        {"arm": arm, "seed": seed, "metric": metric, "unit": np.arange(200), "total": total}
                    )
                )
    units = pd.concat(parts, ignore_index=True).assign(part="", weight=1.0, ceiling=np.nan, truth=np.nan)
    info = StudyInfo(
        name="made", study="tasks", question="?", scale="toy", corpus="world", seeds=SEEDS, reference="mmlm",
        metrics=tuple(LEVELS), arms=tuple(ArmInfo(name=arm, label=arm, changes={}) for arm in ARMS), base=toy(),
        protocol={}, created=datetime(2026, 1, 2, tzinfo=UTC), device="cpu", commit=None, versions={},
    )  # fmt: skip
    columns = ["arm", "label", "seed", "step", "metric", "title", "value"]
    folder = study_folder("made")
    folder.write(
        info, units, pd.DataFrame(columns=columns), compared(units, "mmlm", {arm: arm for arm in ARMS})
    )
    return folder


def test_the_verdict_of_each_comparison_is_what_its_numbers_say(study):
    table = claims(study)
    assert dict(zip(table["claim"], table["verdict"], strict=True)) == {
        "TLM raises retrieval": "not told apart",
        "XLCO raises retrieval": "higher",
        "XLCO raises retrieval on top of both": "higher",
        "TLM beside MMLM raises MMLM's own bound": "equivalent",
        "XLCO raises TLM's bound": "lower",
        "XLCO makes TLM read the translation: a wrong one costs more": "not told apart",
    }
    # the arms XLCO and TLM + XLCO are not in this study
    assert len(table) == len(CLAIMS) - 2
    lower = table[table["verdict"] == "lower"].iloc[0]
    assert lower["difference"] == pytest.approx(-1.0, abs=0.02)


def test_the_correction_is_over_all_primary_comparisons(study):
    table = claims(study)
    assert np.allclose(table["p_holm"], holm(table["p_value"].to_numpy(dtype=float)))


def test_claims_are_shown_with_margin_and_what_could_have_been_seen(study):
    shown = shown_claims(claims(study)).set_index("claim")
    row = shown.loc["XLCO makes TLM read the translation: a wrong one costs more"]
    assert row["margin"] == "0.05 nats"
    assert row["could have shown"].endswith(" nats")
    assert shown.loc["XLCO raises retrieval", "difference"].startswith("+70.")
    said = verdicts_in_words(claims(study), "made")
    assert said[0] == (
        "Study `made`, 6 primary comparisons, one family: 2 not told apart, 2 higher, 1 equivalent, 1 lower."
    )
    assert "3 seeds could have shown" in said[-1]


def test_a_rise_of_tlm_less_mmlm_is_split_into_what_tlm_gains_and_mmlm_loses(study):
    (sentence,) = rise_in_words(study)
    assert "changes by +1.00 nats per masked token: TLM's bound by -1.00, MMLM's by " in sentence


def test_a_cost_whose_interval_holds_zero_is_not_told_apart_from_it(study):
    (sentence,) = reading_in_words(study)
    costs = sentence.split(": ", 1)[1].split(". An arm")[0].split("; ")
    assert [cost.split()[0] for cost in costs] == ["mmlm-tlm", JOINT]
    assert "not told apart from 0" in costs[0]


def test_tokens_are_told_where_a_study_recorded_them(study):
    assert "did not record" in tokens_in_words(study)[0]


def test_the_check_of_a_verdict_says_what_to_look_at(study):
    table = claims(study)
    assert check("higher", verdict_of_numbers(table, 1)).passed
    assert "below 0.05, the difference is positive" in check("not told apart", verdict_of_numbers(table, 1))
    assert "say one of" in check("tied", verdict_of_numbers(table, 1))
    assert check(..., verdict_of_numbers(table, 1)).startswith("not yet")


def test_without_a_stored_study_the_fresh_one_stands_in(study, capsys):
    assert stored_study("no-such-study", study) is study
    assert "fresh" in capsys.readouterr().out


def test_holm_is_told_from_bonferroni():
    p_values = [0.020, 0.004, 0.300, 0.015]
    assert check([0.045, 0.016, 0.3, 0.045], holm_correction(p_values)).passed
    assert "Bonferroni" in check([0.08, 0.016, 1.0, 0.06], holm_correction(p_values))
    assert "number 1 is off; sort" in check([0.04, 0.016, 0.3, 0.045], holm_correction(p_values))
    assert "the order is not" in check([0.016, 0.045, 0.045, 0.3], holm_correction(p_values))
    assert "not corrected" in check(p_values, holm_correction(p_values))
    assert check([0.1], holm_correction(p_values)).startswith("wrong")
    assert check(..., holm_correction(p_values)).startswith("not yet")


def test_the_gap_is_in_points_and_positive_where_english_does_better():
    table = pd.DataFrame({"arm": ["A", "A"], "gap": [0.2, 0.4], "own": [0.9, 0.9], "others": [0.7, 0.5]})
    assert check(30.0, transfer_gap(table, "A")).passed
    assert "the other way round" in check(-30.0, transfer_gap(table, "A"))
    assert "points are hundredths" in check(0.3, transfer_gap(table, "A"))
