"""Lesson 06: claims in studies whose effects are known, and the checks of its exercises."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from lab.lessons.joint import check_gap, check_holm, check_verdict, claims, stored_study
from lab.recipes import toy
from lab.store.study import ArmInfo, StudyInfo, study_folder
from lab.study.statistics import compared

ARMS = ("mmlm", "mmlm-tlm", "mmlm-xlco", "mmlm-tlm-xlco")
LEVELS = {
    "retrieval": (0.1, 0.1, 0.8, 0.8),
    "tlm": (1.0, 3.0, 1.0, 2.0),
    "mmlm": (2.0, 2.0, 2.0, 2.0),
    "tlm_minus_mmlm": (-1.0, -0.5, -1.0, 0.5),
}
"""Per metric, of each arm: TLM is best without the contrast, which alone raises retrieval and use of translations."""
SEEDS = (101, 102, 103)


@pytest.fixture
def study():
    parts = []
    for metric, levels in LEVELS.items():
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            for arm, level in zip(ARMS, levels, strict=True):
                total = level + 0.05 * rng.standard_normal(200)
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


def test_claims_are_reproduced_tied_or_not_as_the_numbers_say(study):
    table = claims(study)
    assert table["verdict"].tolist() == [
        "not reproduced", "reproduced", "reproduced", "reproduced", "reproduced", "tied", "not reproduced", "tied",
        "undecided",
    ]  # fmt: skip
    beaten = table.iloc[6]
    assert beaten["against"] == "mmlm-tlm"
    assert beaten["difference"] == pytest.approx(-1.0, abs=0.02)
    assert beaten["low"] < beaten["difference"] < beaten["high"] < 0


def test_the_check_of_a_verdict_says_what_to_look_at(study):
    table = claims(study)
    assert check_verdict("reproduced", table, 2).passed
    assert "below 0.05 and the difference is positive" in check_verdict("undecided", table, 2)
    assert check_verdict(..., table, 2).startswith("not yet")


def test_without_a_stored_study_the_fresh_one_stands_in(study, capsys):
    assert stored_study("no-such-study", study) is study
    assert "fresh" in capsys.readouterr().out


def test_holm_is_told_from_bonferroni():
    p_values = [0.020, 0.004, 0.300, 0.015]
    assert check_holm([0.045, 0.016, 0.3, 0.045], p_values).passed
    assert "Bonferroni" in check_holm([0.08, 0.016, 1.0, 0.06], p_values)
    assert "number 1 is off" in check_holm([0.04, 0.016, 0.3, 0.045], p_values)
    assert "the order is not" in check_holm([0.016, 0.045, 0.045, 0.3], p_values)
    assert "not corrected" in check_holm(p_values, p_values)
    assert check_holm([0.1], p_values).startswith("wrong")
    assert check_holm(..., p_values).startswith("not yet")


def test_the_gap_is_in_points_and_positive_where_english_does_better():
    table = pd.DataFrame({"arm": ["A", "A"], "gap": [0.2, 0.4], "own": [0.9, 0.9], "others": [0.7, 0.5]})
    assert check_gap(30.0, table, "A").passed
    assert "the other way round" in check_gap(-30.0, table, "A")
    assert "points are hundredths" in check_gap(0.3, table, "A")
