"""Where runs live and what they may be called."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from core.errors import InputError
from lab import store
from tests.lab.runs import FLAGS, new_run


def entries(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../b",
        "/etc",
        "",
        ".hidden",
        "a b",
        "a\\b",
        "x" * 100,
        "a//b",
        "..",
        "a\0b",
        "a/b/c/d",
        "a/",
    ],
)
def test_a_name_that_could_leave_the_folder_or_would_not_be_found_in_it_is_refused(name):
    with pytest.raises(InputError, match="run name"):
        store.check_name(name)


def test_the_deepest_name_is_listed():
    new_run("a/b/c").release()
    assert [run.name for run in store.list_runs()] == ["a/b/c"]


def test_a_taken_name_is_refused_and_leaves_nothing(runs):
    new_run()
    before = entries(runs)
    with pytest.raises(store.NameTaken, match="exists already"):
        new_run()
    assert entries(runs) == before


@pytest.mark.parametrize("name", ["r/x", "r/vectors/x"])
def test_a_name_inside_a_run_is_refused(name, runs):
    new_run()
    before = entries(runs)
    with pytest.raises(InputError, match="r is a run, which holds no others"):
        new_run(name)
    assert entries(runs) == before


def test_a_name_that_holds_runs_is_refused():
    new_run("study/cell")
    with pytest.raises(store.NameTaken, match="study is a folder of other runs"):
        new_run("study")


def test_of_many_that_take_a_name_at_once_one_gets_it_and_the_others_leave_nothing(runs):
    results = []

    def take():
        try:
            results.append(new_run().name)
        except store.NameTaken:
            results.append(None)

    together = [threading.Thread(target=take) for _ in range(8)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert sorted(results, key=str) == [None] * 7 + ["r"]
    assert entries(runs) == ["r", "r/lock", "r/run.json", "r/status.json"]


@pytest.mark.parametrize("words", [("list",), ("train", "toy"), ("show", "r"), ("study", "tasks")])
def test_an_empty_folder_of_runs_is_one_clear_line(words, forks):
    done = forks.run(*words, PARALLAX_RUNS="")
    assert done.code == 2
    assert done.said.strip() == (
        "lab: PARALLAX_RUNS is empty: name the folder of runs there, or unset it for runs/ in this folder"
    )


@pytest.mark.parametrize("place", ["a file", "inside a file", "where nobody may write"])
def test_a_folder_of_runs_that_cannot_be_is_one_clear_line_and_leaves_nothing(place, forks, tmp_path):
    (tmp_path / "file").touch()
    folder = {"a file": tmp_path / "file", "inside a file": tmp_path / "file" / "runs",
              "where nobody may write": Path("/proc/nope")}[place]  # fmt: skip
    done = forks.run("train", "toy", *FLAGS, PARALLAX_RUNS=str(folder))
    assert done.code == 2, done.said
    assert done.said.count("\n") == 1
    assert str(folder) in done.said
    assert entries(tmp_path) == ["file"]


def test_a_folder_of_runs_with_spaces_and_brackets_works(forks, tmp_path):
    folder = tmp_path / "my [runs] of 2026"
    flags = (*FLAGS, "--steps", "2", "--optimizer.warmup", "1")
    done = forks.run("train", "toy", *flags, PARALLAX_RUNS=str(folder))
    assert done.code == 0, done.said
    assert (folder / "toy-1" / "checkpoint" / "model.safetensors").is_file()


def test_a_folder_that_goes_while_runs_are_listed_hides_no_other_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    for name in ("a", "gone", "z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    scandir = os.scandir

    def vanishing(path="."):
        # between the listing of its parent and its own
        if not isinstance(path, int) and os.fspath(path).endswith("gone"):
            shutil.rmtree(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert {run.name for run in store.list_runs()} >= {"a", "z"}
