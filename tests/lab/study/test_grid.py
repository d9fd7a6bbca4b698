"""A study from cell to cell: killed, resumed, failed, changed, alone, side by side, and on other text."""

import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

import lab.study.baselines
import lab.study.cells
import lab.study.grid
from core.errors import InputError
from core.text.corpus import write_corpus
from lab import store
from lab.evaluate.run import evaluate_run
from lab.store.study import open_study, study_folder
from lab.study import run_study, study
from lab.study.cells import Cell, run_cell
from lab.study.definitions import STUDIES
from lab.study.grid import plan
from lab.world import World
from tests.lab.study.arms import WEIGHTING
from tests.real_shape import real_shape_corpus

pytestmark = pytest.mark.usefixtures("two_arms")


def test_a_finished_study_runs_no_cell_again(studied, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr(lab.study.cells, "run_training", forbidden)
    monkeypatch.setattr(lab.study.measures, "load_run", forbidden)
    before = open_study("weighting-smoke").table()
    pd.testing.assert_frame_equal(study("weighting", "smoke", seeds=2), before)


def test_more_seeds_add_cells_and_keep_those_there_are(studied):
    written = {path: path.stat().st_mtime_ns for path in studied.glob("weighting-smoke/*/steps.jsonl")}
    table = study("weighting", "smoke", seeds=3)
    assert (table["seeds"] == 3).all()
    assert len(written) == 4
    assert all(path.stat().st_mtime_ns == before for path, before in written.items())
    study("weighting", "smoke", seeds=2)


def test_changed_settings_of_a_cell_are_refused_and_not_mixed(studied, monkeypatch):
    from lab.study import scales
    from tests.lab.runs import tiny
    from tests.lab.study.conftest import PROTOCOL

    monkeypatch.setitem(
        scales.SCALES, "smoke", scales.Scale(lambda: tiny(contrast={"examples": 32}, steps=14), PROTOCOL)
    )
    with pytest.raises(
        InputError, match=r"other settings \(steps: 14, kept 12\): give the study another --name"
    ):
        study("weighting", "smoke", seeds=1)


def test_a_name_that_a_run_has_is_refused(studied):
    with pytest.raises(InputError, match="is a run: give the study another --name"):
        run_study("weighting", "smoke", seeds=1, folder="weighting-smoke/mean-101")


def test_a_cell_that_was_killed_goes_on_from_its_checkpoint_to_the_same_numbers(
    studied, tmp_path, monkeypatch
):
    cell = plan(STUDIES["weighting"], "smoke", 1, None, None).cells[0]
    threads = torch.get_num_threads()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "undisturbed"))
    torch.set_num_threads(1)
    run_cell(cell)
    torch.set_num_threads(threads)
    expected = cell.run.steps()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "other"))
    file = tmp_path / "cell.json"
    file.write_text(cell.model_dump_json())
    command = [sys.executable, "-m", "lab.study.cells", str(file)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    while not cell.run.folder.is_dir() or cell.run.checkpoint() is None:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cell.run.status.state == "lost"
    # this process has more threads than the one that was killed, and goes on with that one's
    torch.set_num_threads(2)
    run_cell(cell)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    losses = [name for name in expected if name.startswith("losses.")]
    np.testing.assert_array_equal(cell.run.steps()[losses], expected[losses])


def test_a_failed_cell_is_reported_kept_apart_and_tried_again_alone(runs, monkeypatch):
    broken, tried = {"weighting-smoke/token-sum-101"}, []
    whole = run_cell

    def sometimes(cell: Cell, *more) -> pd.DataFrame:
        tried.append(cell.name)
        if cell.name in broken:
            raise InputError("no room")
        return whole(cell, *more)

    monkeypatch.setattr(lab.study.grid, "run_cell", sometimes)
    folder, failed = run_study("weighting", "smoke", seeds=1)
    assert failed == {"weighting-smoke/token-sum-101": "no room"}
    assert folder.info.missing == tuple(failed)
    assert set(folder.table()["arm"]) == {"mean"}
    with pytest.raises(InputError, match=r"1 cells failed \(weighting-smoke/token-sum-101: no room\)"):
        study("weighting", "smoke", seeds=1)
    broken.clear()
    written = (runs / "weighting-smoke" / "mean-101" / "steps.jsonl").stat().st_mtime_ns
    assert set(study("weighting", "smoke", seeds=1)["arm"]) == set(WEIGHTING)
    assert (runs / "weighting-smoke" / "mean-101" / "steps.jsonl").stat().st_mtime_ns == written
    assert study_folder("weighting-smoke").info.missing == ()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_on_text_that_cannot_serve_is_refused_before_its_first_cell(runs, tmp_path, jobs):
    world = World.load(("ar", "en"))
    texts = {
        "one": (world.rows(world.draw(1, 5), 5), "too few meanings: 0 held out, 2 needed"),
        "untranslated": (
            [(n, tag, world.sentence(n, tag)) for n in range(40) for tag in (("ar", "en")[n % 2],)],
            "no two languages of ar en share a meaning",
        ),
    }
    for name, (rows, message) in texts.items():
        write_corpus(rows, tmp_path / name)
        with pytest.raises(InputError, match=message):
            study("weighting", "smoke", seeds=1, corpus=tmp_path / name, jobs=jobs)
    assert store.list_runs() == []


def test_without_the_reference_arm_there_is_nothing_to_compare(runs, monkeypatch):
    def never(cell: Cell, *more) -> pd.DataFrame:
        raise InputError("no room")

    monkeypatch.setattr(lab.study.grid, "run_cell", never)
    with pytest.raises(
        InputError, match=r"reference arm mean was finished \(weighting-smoke/mean-101: no room\)"
    ):
        study("weighting", "smoke", seeds=1)


def test_other_text_is_studied_without_a_truth_and_with_as_many_candidates_as_it_holds_out(runs, tmp_path):
    world = World.load(("ar", "en"))
    folder = tmp_path / "mine"
    write_corpus(world.rows(world.draw(60, 5), 5), folder, source="a test", licence="none")
    table = study("weighting", "smoke", seeds=1, corpus=folder)
    assert open_study("weighting-smoke-mine").info.corpus == str(folder.resolve())
    assert table["truth"].isna().all()
    assert table["attainable"].isna().all()
    # 3 of the 12 held-out meanings fit the temperature
    assert table[table["metric"] == "xlco"]["ceiling"].tolist() == pytest.approx([math.log(8)] * 2)


def test_a_study_of_text_of_real_shape_says_what_guessing_retrieves_in_pools_of_unequal_size(runs, tmp_path):
    real_shape_corpus(tmp_path / "real", 0.02)
    table = study("weighting", "smoke", seeds=1, corpus=tmp_path / "real").set_index("metric")
    evaluations = [evaluate_run(run) for run in store.list_runs()]
    assert len(evaluations) == 2
    assert len({row["pool"] for row in evaluations[0]["retrieval"]}) > 1
    assert evaluations[0]["too_small"]
    # both arms are measured on the same sentences
    chances = [each["chance"] for each in evaluations]
    assert table.loc["retrieval", "chance"].tolist() == pytest.approx(chances)
    assert chances[0] == pytest.approx(chances[1])
    assert 0 < chances[0] < 1
    assert table.loc["mmlm", "truth"].isna().all()


def test_cells_side_by_side_give_the_numbers_of_cells_one_by_one(studied, tmp_path, monkeypatch):
    expected = open_study("weighting-smoke").units()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "other"))
    reports = []
    table = study(
        "weighting", "smoke", seeds=1, jobs=2, progress=lambda phase, done, of: reports.append(done / of)
    )
    assert reports[-1] == 1.0
    units = open_study("weighting-smoke").units()
    assert set(table["arm"]) == set(WEIGHTING)
    same = expected[(expected["seed"] == 101) & (expected["metric"] != "seconds")].reset_index(drop=True)
    units = units[units["metric"] != "seconds"].reset_index(drop=True)
    # a cell beside another has fewer threads, which add in another order; training carries that on
    pd.testing.assert_frame_equal(units, same, rtol=1e-2, atol=1e-2)
