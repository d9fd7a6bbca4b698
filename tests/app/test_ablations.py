"""The Ablations page of a store with a study, without, with an unfinished and with a damaged one."""

import os
import subprocess
import sys

import pytest

from lab.store import study as stored
from tests.app.studies import ARMS, baselines, write_study
from tests.app.test_pages import VIEWS, open_page, words

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def gallery(tmp_path, monkeypatch):
    """An empty gallery, whatever comes with the lab."""
    monkeypatch.setattr(stored, "GALLERY", tmp_path / "gallery")
    return tmp_path / "gallery"


def test_a_study_shows_its_question_arms_intervals_and_what_made_it(runs):
    write_study("tasks-toy")
    page = open_page("ablations")
    text = words(page)
    assert not page.error
    assert "What does each pretext task add?" in text
    assert "3 arms, 3 seeds each, scale toy, the built-in world; 02 January 2026, cpu, torch 2.13.0" in text
    cells = page.dataframe[0].value
    assert cells["arm"].tolist() == list(ARMS.values())
    assert cells.filter(like="retrieval").iloc[0, 0].startswith("0.")
    # 180 draws around 3.0 with a standard deviation of 0.2: four standard errors
    assert float(cells.filter(like="XLCO").iloc[1, 0].split()[0]) == pytest.approx(
        3.0, abs=4 * 0.2 / 180**0.5
    )
    assert cells.filter(like="retrieval").iloc[1, 0].endswith("*")


def test_what_needs_no_network_stands_beside_the_arms_and_a_study_that_measured_none_opens(runs):
    write_study("tasks-toy", without_network=baselines({"lsa": 0.9, "tokens": 0.1}))
    text = words(open_page("ablations"))
    assert "lsa in full 0.900 [" in text
    assert "guessing 0.02. No arm is above the best of these by its whole interval." in text
    assert "Thin violet lines" in text
    older = write_study("older")
    (older.folder / "baselines.parquet").unlink()
    page = open_page("ablations", study="older")
    assert not page.error
    assert "network" not in words(page)


def test_another_reference_arm_is_chosen_in_the_url(runs):
    write_study("tasks-toy")
    page = open_page("ablations", reference="xlco")
    text = words(page)
    assert "Difference from XLCO" in text
    retrieval = page.dataframe[0].value.filter(like="retrieval").iloc[:, 0].tolist()
    # the reference has no stars, and what finds as much as it has none either
    assert [cell.endswith("*") for cell in retrieval] == [True, False, False]


def test_the_table_can_be_taken_along_in_three_forms(runs):
    write_study("tasks-toy")
    page = open_page("ablations")
    labels = [button.proto.label for button in page.get("download_button")]
    assert labels == ["CSV, all numbers", "Markdown", "LaTeX"]


def test_any_curve_can_be_drawn(runs):
    write_study("tasks-toy")
    page = open_page("ablations", curve="xlco_loss")
    assert page.selectbox(key="curve-widget").value == "xlco_loss"
    assert not page.error


def test_without_a_study_the_page_says_which_command_makes_one(runs):
    page = open_page("ablations")
    assert "lab study tasks --scale smoke" in page.info[0].value
    assert "lab study momentum" in words(page)


def test_an_unfinished_study_says_what_is_missing(runs):
    write_study("tasks-toy", missing=("tasks-toy/xlco-103",))
    page = open_page("ablations")
    assert page.warning
    assert "tasks-toy/xlco-103" in words(page)


def test_the_smoke_scale_is_not_mistaken_for_a_result(runs):
    write_study("tasks-smoke", scale="smoke")
    assert "not what is true" in open_page("ablations").info[0].value


def test_a_result_that_came_with_the_lab_stands_beside_those_made_here(runs, gallery):
    write_study("tasks-toy").copy_to_gallery()
    page = open_page("ablations", study="stored tasks-toy")
    assert page.selectbox(key="study-widget").options == ["tasks-toy", "tasks-toy, as it came with the lab"]
    assert page.selectbox(key="study-widget").value == "stored tasks-toy"
    assert not page.error


@pytest.mark.parametrize(
    "name", ["study.json", "units.parquet", "curves.parquet", "table.parquet", "baselines.parquet"]
)
def test_a_damaged_study_gets_one_line_and_others_stay_selectable(runs, name):
    damaged = write_study("damaged")
    (damaged.folder / name).write_text("no longer")
    write_study("good")
    page = open_page("ablations", study="damaged", reference="xlco")
    if name != "table.parquet":
        assert ("put back a copy" if name == "study.json" else "again") in page.error[0].value
    page.selectbox(key="study-widget").set_value("good").run()
    assert not page.exception
    assert not page.error


def test_the_page_imports_no_torch(runs):
    write_study("tasks-toy")
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({str(VIEWS.parent / 'main.py')!r}, default_timeout=60).run()\n"
        f"page.switch_page({str(VIEWS / 'ablations.py')!r}).run()\n"
        "assert not page.exception, page.exception\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
