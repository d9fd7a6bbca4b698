"""The files of a run, whole and broken."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from lab import store
from tests.lab.runs import tiny


def new(name="r"):
    return store.create_run(name, store.describe(name, tiny(), "world", "0" * 64, ("ar", "en", "zh"), "cpu"))


def test_settings_come_back_as_they_were():
    new()
    assert store.open_run("r").info.settings == tiny()


@pytest.mark.parametrize(
    "name", ["../x", "a/../b", "/etc", "", ".hidden", "a b", "a\\b", "x" * 100, "a//b", "..", "a\0b"]
)
def test_a_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(InputError, match="run name"):
        store.check_name(name)


def test_a_taken_name_is_refused():
    new()
    with pytest.raises(InputError, match="exists already"):
        new()


def test_an_unknown_run_is_refused_with_those_there_are():
    new("first")
    with pytest.raises(InputError, match="first"):
        store.open_run("second")


def test_a_half_written_run_is_listed_and_named_when_read():
    run = new()
    (run.folder / "run.json").write_text('{"format": 1, "name": "r"')
    assert [each.name for each in store.list_runs()] == ["r"]
    with pytest.raises(InputError, match="half written"):
        _ = store.open_run("r").info


def test_a_run_of_another_version_is_refused():
    run = new()
    path = run.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        _ = run.info


def test_a_running_run_whose_process_is_gone_is_lost():
    run = new()
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    run.write_status("running", 3, 12)
    path = run.folder / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": done.pid}))
    assert run.status.state == "lost"
    assert "--resume" in run.status.message


def test_a_running_run_whose_process_lives_is_running():
    run = new()
    run.write_status("running", 3, 12)
    assert (run.status.state, run.status.step, run.status.pid) == ("running", 3, os.getpid())


def test_a_line_cut_short_by_a_kill_is_left_out():
    run = new()
    for step in (1, 2, 3):
        run.append_step({"step": step, "losses": {"mmlm": 1.0 / step}})
    with (run.folder / "steps.jsonl").open("a") as file:
        file.write('{"step": 4, "los')
    assert run.steps()["step"].tolist() == [1, 2, 3]
    run.keep_steps(2)
    assert run.steps()["step"].tolist() == [1, 2]


def test_snapshots_come_back_in_half_precision():
    run = new()
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    run.write_snapshot(20, {0: vectors, 1: 2 * vectors})
    assert run.snapshots() == [20]
    np.testing.assert_allclose(run.snapshot(20)[1], 2 * vectors, rtol=1e-3)


def test_a_damaged_table_is_named():
    run = new()
    (run.folder / "scores.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="damaged"):
        run.scores()


def test_scores_of_one_task_replace_only_that_task():
    run = new()
    row = {
        "layer": 1,
        "source": "",
        "target": "",
        "metric": "m",
        "value": 1.0,
        "low": 0.0,
        "high": 2.0,
        "unit": "",
        "n": 3,
    }
    for task, value in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        run.write_scores(task, pd.DataFrame([{**row, "task": task, "value": value}]))
    assert dict(run.scores()[["task", "value"]].itertuples(index=False)) == {"a": 3.0, "b": 2.0}


def test_a_checkpoint_that_fails_half_way_leaves_the_old_one():
    run = new()
    with run.new_checkpoint() as folder:
        (folder / "state.json").write_text("old")

    def fail():
        with run.new_checkpoint() as folder:
            (folder / "state.json").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (run.checkpoint() / "state.json").read_text() == "old"


@pytest.mark.parametrize("killed_after", ["first rename", "second rename"])
def test_a_kill_during_the_swap_leaves_a_whole_checkpoint(killed_after):
    run = new()
    with run.new_checkpoint() as folder:
        (folder / "state.json").write_text("old")
    new_one = run.folder / "checkpoint.new"
    new_one.mkdir()
    (new_one / "state.json").write_text("new")
    (run.folder / "checkpoint").rename(run.folder / "checkpoint.old")
    if killed_after == "second rename":
        new_one.rename(run.folder / "checkpoint")
    expected = "old" if killed_after == "first rename" else "new"
    assert (run.checkpoint() / "state.json").read_text() == expected
    with run.new_checkpoint() as folder:
        (folder / "state.json").write_text("newest")
    assert (run.checkpoint() / "state.json").read_text() == "newest"


FULL_DISK = """
import resource, sys
from lab import store
run = store.open_run("r")
run.append_step({"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    if sys.argv[1] == "snapshot":
        import numpy
        run.write_snapshot(1, {0: numpy.zeros((100, 64))})
    else:
        with run.new_checkpoint() as folder:
            (folder / "state.json").write_text("x" * 5000)
except store.StorageFull as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("what", ["snapshot", "checkpoint"])
def test_a_full_disk_is_one_clear_line_and_loses_nothing(what):
    run = new()
    with run.new_checkpoint() as folder:
        (folder / "state.json").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, what], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "no room to write" in done.stdout
    assert "--resume" in done.stdout
    assert (run.checkpoint() / "state.json").read_text() == "old"
    assert run.snapshots() == []
    assert run.steps()["step"].tolist() == [1]
