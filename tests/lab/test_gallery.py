"""Results that come with the lab: made by this very recipe and code, small, and whole."""

import pandas as pd
import pytest

from lab.recipes import RECIPES, changed
from lab.store import study as stored
from lab.store.study import StudyFolder, open_study
from lab.study import STUDIES, against, scales
from lab.study.provenance import keep, outdated, probe
from tests.app.studies import write_study

GALLERY = sorted(path.parent for path in stored.GALLERY.glob("*/study.json"))
MEGABYTES = 3


@pytest.fixture(scope="module")
def today(tmp_path_factory) -> dict[str, float]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("runs")))
        return probe()


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.name)
def test_a_stored_result_is_what_this_recipe_and_this_code_would_make(path, today):
    why = outdated(StudyFolder(path.name, path).info, today)
    assert why is None, f"{why}: make it again with lab study {path.name.split('-')[0]} --gallery"


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.name)
def test_a_stored_result_is_small_whole_and_its_table_follows_from_its_units(path):
    folder = StudyFolder(path.name, path)
    info = folder.info
    assert sum(file.stat().st_size for file in path.iterdir()) < MEGABYTES * 2**20
    assert info.missing == ()
    assert info.commit
    assert folder.units().groupby(["arm", "seed"]).ngroups == len(info.arms) * len(info.seeds)
    pd.testing.assert_frame_equal(against(folder, info.reference), folder.table(), rtol=1e-6)


@pytest.fixture
def gallery_study(tmp_path, monkeypatch, today):
    """A result that was just put into a gallery."""
    monkeypatch.setattr(stored, "GALLERY", tmp_path / "gallery")
    monkeypatch.setattr("lab.study.provenance.probe", lambda: today)
    study = write_study("tasks-toy")
    base = scales.base_settings(STUDIES["tasks"], "toy")
    arms = tuple(
        stored.ArmInfo(name=arm.name, label=arm.label, changes=dict(arm.changes))
        for arm in STUDIES["tasks"].arms(base)
    )
    protocol = scales.SCALES["toy"].protocol.model_dump()
    info = study.info.model_copy(update={"base": base, "arms": arms, "protocol": protocol})
    study.write(info, study.units(), study.curves(), study.table())
    return keep("tasks-toy")


def test_what_was_just_kept_is_up_to_date_and_is_found_beside_those_made_here(gallery_study, today, runs):
    assert gallery_study.stored
    assert outdated(gallery_study.info, today) is None
    assert not open_study("tasks-toy").stored
    (runs / "tasks-toy" / "study.json").unlink()
    assert open_study("tasks-toy").folder == gallery_study.folder


def test_a_changed_recipe_is_named_with_its_first_difference(gallery_study, today, monkeypatch):
    longer = changed(RECIPES["toy"](), {"steps": 901})
    monkeypatch.setitem(RECIPES, "toy", lambda: longer)
    assert outdated(gallery_study.info, today) == "the recipe has changed: steps: 901, kept 900"


def test_changed_arms_and_a_changed_protocol_are_noticed(gallery_study, today):
    fewer = gallery_study.info.model_copy(update={"arms": gallery_study.info.arms[:-1]})
    assert outdated(fewer, today) == "the arms have changed"
    changed_info = gallery_study.info.model_copy(
        update={"protocol": {**gallery_study.info.protocol, "candidates": 8}}
    )
    assert outdated(changed_info, today) == "the protocol has changed"


def test_code_that_gives_other_numbers_is_noticed_and_rounding_is_not(gallery_study, today):
    near = {key: value * (1 + 1e-5) for key, value in today.items()}
    assert outdated(gallery_study.info, near) is None
    far = today | {"xlco": today["xlco"] + 0.1}
    assert "the code gives other numbers: xlco" in (outdated(gallery_study.info, far) or "")
    assert "the code gives other numbers" in (outdated(gallery_study.info, {}) or "")
