"""Excerpts of studies: their arms, their names, and how they are shown."""

import pytest

from core.errors import InputError
from lab.lessons.small_studies import PROTOCOL, SHORT, excerpted, study_table, together
from tests.app.studies import write_study


def test_an_excerpt_at_toy_is_cut_short_and_keeps_the_changes_of_study_and_lesson():
    changes = {"contrast": {"examples": 16}, "steps": 70}
    grid = excerpted("queue", "toy", ["queue-256", "queue-64"], 2, changes, None)
    assert [cell.arm for cell in grid.cells] == ["queue-256", "queue-64"] * 2
    assert grid.reference == "queue-256"
    settings = grid.cells[0].settings
    assert (settings.steps, settings.contrast.examples, settings.contrast.queue) == (70, 16, 256)
    assert settings.contrast.keys == "momentum"
    assert settings.world.meanings == SHORT["world"]["meanings"]
    assert {cell.protocol for cell in grid.cells} == {PROTOCOL}


def test_excerpts_with_other_settings_have_other_names():
    names = {
        excerpted("queue", "smoke", ["queue-64"], 1, changes, None).name for changes in ({}, {}, {"steps": 9})
    }
    assert len(names) == 2
    assert all(name.startswith("queue-smoke-excerpt-") for name in names)


def test_an_unknown_arm_is_refused():
    with pytest.raises(InputError, match="queue-64"):
        excerpted("queue", "smoke", ["queue-65"], 1, {}, None)


def test_changes_merge_setting_by_setting():
    assert together({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "e": {"f": 5}}) == {
        "a": {"b": 4, "c": 2},
        "d": 3,
        "e": {"f": 5},
    }


def test_a_study_is_shown_with_values_differences_and_p_values():
    table = study_table(write_study("made"), "retrieval")
    assert table.index.tolist() == [("retrieval (top-1)", arm) for arm in ("MMLM", "XLCO", "MMLM + XLCO")]
    reference, arm = table.iloc[0], table.iloc[1]
    assert (reference["less MMLM"], reference["p (Holm)"]) == ("—", "—")
    assert arm["less MMLM"].startswith("+")
    assert float(arm["p (Holm)"].removeprefix("< ")) < 0.05
