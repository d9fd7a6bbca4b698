"""The files of a run, whole and broken."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from lab import store
from tests.lab.runs import new_run, tiny


def test_settings_come_back_as_they_were():
    new_run()
    assert store.open_run("r").info.settings == tiny()


def test_an_unknown_run_is_refused_with_those_there_are():
    new_run("first")
    with pytest.raises(InputError, match="first"):
        store.open_run("second")


def test_a_line_cut_short_by_a_kill_is_left_out():
    run = new_run()
    for step in (1, 2, 3):
        run.append_step({"step": step, "losses": {"mmlm": 1.0 / step}})
    with (run.folder / "steps.jsonl").open("a") as file:
        file.write('{"step": 4, "los')
    assert run.steps()["step"].tolist() == [1, 2, 3]
    run.drop_steps_after(2)
    assert run.steps()["step"].tolist() == [1, 2]


@pytest.mark.parametrize("line", ["5", "[1]", "null", '{"loss": 1}', '{"step": "1"}'])
def test_a_line_that_is_no_record_is_named_and_a_page_shows_what_stands_before_it(line):
    run = new_run()
    run.append_step({"step": 1})
    with (run.folder / "steps.jsonl").open("a") as file:
        file.write(line + "\n")
    run.append_step({"step": 2})
    for read in (run.steps, lambda: run.drop_steps_after(1)):
        with pytest.raises(
            InputError, match=r"steps\.jsonl, line 2: expected the record of a step.*delete that line"
        ):
            read()
    assert store.StepLog(run.folder / "steps.jsonl").read()["step"].tolist() == [1]


@pytest.mark.parametrize("content", ["[1]", "{}", "5", "{", "", '{"request": "dance"}'])
def test_a_request_that_is_none_is_named(content):
    run = new_run()
    assert run.request is None
    (run.folder / "request.json").write_text(content)
    with pytest.raises(InputError, match=r"request\.json holds no request"):
        _ = run.request


def test_snapshots_come_back_in_half_precision():
    run = new_run()
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    run.write_snapshot(20, {0: vectors, 1: 2 * vectors})
    assert run.snapshots() == [20]
    np.testing.assert_allclose(run.snapshot(20)[1], 2 * vectors, rtol=1e-3)


def test_a_damaged_table_is_named():
    run = new_run()
    (run.folder / "scores.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="damaged"):
        run.scores()


def test_scores_of_one_task_replace_only_that_task():
    run = new_run()
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
        with run.new_checkpoint(2) as folder:
            (folder / "state.json").write_text("x" * 5000)
except store.StorageFull as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("what", ["snapshot", "checkpoint"])
def test_a_full_disk_is_one_clear_line_and_loses_nothing(what):
    run = new_run()
    with run.new_checkpoint(1) as folder:
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
