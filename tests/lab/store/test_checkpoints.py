"""Checkpoints: whole, on the disk before they count, and in nobody's way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError
from lab import store
from lab.store.checkpoints import Checkpoints
from tests.lab.runs import new_run


def write(run: store.Run, step: int, content: str = "") -> None:
    with run.new_checkpoint(step) as folder:
        (folder / "model.safetensors").write_text(content or str(step))
        (folder / "state.json").write_text(str(step))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_checkpoint_counts_the_older_ones_go_and_a_link_leads_to_it():
    run = new_run()
    assert run.checkpoint() is None
    for step in (4, 8, 12):
        write(run, step)
    assert names(run.folder / "checkpoints") == ["00000012"]
    assert (run.folder / "checkpoint").is_symlink()
    assert (run.folder / "checkpoint" / "state.json").read_text() == "12"
    assert run.checkpoint() == run.folder / "checkpoints" / "00000012"


class Overtaken(Checkpoints):
    """Checkpoints of which a newer one is written each time that they have been listed, a few times over."""

    def __init__(self, run: store.Run, steps: list[int]) -> None:
        super().__init__(run.folder)
        self.run, self.steps = run, steps

    def _numbered(self) -> list[Path]:
        listed = super()._numbered()
        if self.steps:
            write(self.run, self.steps.pop(0))
        return listed


@pytest.mark.parametrize("steps", [[8], [8, 12], [8, 12, 16, 20]])
def test_a_reader_whom_the_writer_overtakes_gets_a_numbered_folder_never_the_link(steps):
    run = new_run()
    write(run, 4)
    newest = Overtaken(run, list(steps)).newest()
    assert newest is not None
    assert newest.parent == run.folder / "checkpoints"
    assert (newest / "state.json").read_text() == str(int(newest.name))


def test_a_checkpoint_that_fails_half_way_leaves_the_old_one_and_nothing_else():
    run = new_run()
    write(run, 4)

    def fail():
        with run.new_checkpoint(8) as folder:
            (folder / "state.json").write_text("8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(run.folder / "checkpoints") == ["00000004"]
    assert run.read_checkpoint(lambda folder: (folder / "state.json").read_text()) == "4"


KILLED = """
import os, signal, sys
from lab import store
from lab.store import checkpoints
when = sys.argv[1]
run = store.open_run("r")
run.claim()
end = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
if when == "before the link moves":
    checkpoints.Checkpoints._point_to = end
if when == "before the old one goes":
    checkpoints._remove_unread = end
with run.new_checkpoint(8) as folder:
    (folder / "model.safetensors").write_text("8")
    if when == "while it is written":
        end()
    (folder / "state.json").write_text("8")
"""


@pytest.mark.parametrize(
    ("when", "newest"),
    [("while it is written", "4"), ("before the link moves", "8"), ("before the old one goes", "8")],
)
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint_and_the_next_one_tidies_up(when, newest):
    run = new_run()
    write(run, 4)
    run.release()
    killed = subprocess.run([sys.executable, "-c", KILLED, when], check=False)
    assert killed.returncode == -9
    assert run.read_checkpoint(lambda folder: (folder / "state.json").read_text()) == newest
    assert (run.folder / "checkpoint" / "model.safetensors").read_text() in ("4", "8")
    write(run, 12)
    assert names(run.folder / "checkpoints") == ["00000012"]
    assert (run.folder / "checkpoint" / "state.json").read_text() == "12"


def test_a_checkpoint_stays_while_somebody_reads_it_and_goes_with_the_next_one():
    run, seen = new_run(), []
    write(run, 4)

    def read(folder: Path) -> str:
        write(run, 8)
        seen.append(names(run.folder / "checkpoints"))
        return (folder / "model.safetensors").read_text()

    assert run.read_checkpoint(read) == "4"
    assert seen == [["00000004", "00000008"]]
    write(run, 12)
    assert names(run.folder / "checkpoints") == ["00000012"]


def test_a_reader_whose_checkpoint_goes_before_it_has_the_lock_reads_the_newer_one(monkeypatch):
    monkeypatch.setattr("core.locks.fcntl", None)
    run, read = new_run(), []
    write(run, 4)

    def open_slowly(folder: Path) -> str:
        if not read:
            write(run, 8)
        read.append(folder.name)
        return (folder / "model.safetensors").read_text()

    assert run.read_checkpoint(open_slowly) == "8"
    assert read == ["00000004", "00000008"]


def test_a_damaged_checkpoint_is_named_and_not_looked_for_again():
    run = new_run()
    write(run, 4)

    def refuse(folder: Path):
        raise InputError(f"{folder.name} is damaged")

    with pytest.raises(InputError, match="00000004 is damaged"):
        run.read_checkpoint(refuse)


def test_without_a_checkpoint_one_line_says_so():
    with pytest.raises(InputError, match="no checkpoint yet"):
        new_run().read_checkpoint(str)


def test_readers_change_nothing(tmp_path):
    run = new_run()
    write(run, 4)

    def state():
        return {path: os.lstat(path).st_mtime_ns for path in run.folder.rglob("*")}

    before = state()
    for _ in range(3):
        opened = store.open_run("r")
        _ = opened.status, opened.info, opened.checkpoint(), opened.steps(), opened.scores(), opened.request
        opened.read_checkpoint(names)
        store.list_runs()
    assert state() == before


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint.old"])
def test_a_run_of_an_older_version_opens_from_its_plain_folder_until_its_next_checkpoint(name):
    run = new_run()
    (run.folder / name).mkdir()
    (run.folder / name / "state.json").write_text("old")
    assert run.checkpoint() == run.folder / name
    write(run, 8)
    assert (run.folder / "checkpoint").is_symlink()
    assert not (run.folder / "checkpoint.old").exists()
    assert run.read_checkpoint(lambda folder: (folder / "state.json").read_text()) == "8"


def test_a_copy_that_lost_or_followed_its_links_opens(tmp_path):
    run = new_run()
    write(run, 8)
    followed, lost = tmp_path / "followed", tmp_path / "lost"
    shutil.copytree(run.folder, followed)
    shutil.copytree(run.folder, lost, symlinks=True)
    (lost / "checkpoint").unlink()
    for copy in (followed, lost):
        assert Checkpoints(copy).read(lambda folder: (folder / "state.json").read_text()) == "8"
        with Checkpoints(copy).write(12) as folder:
            (folder / "state.json").write_text("12")
        assert (copy / "checkpoint" / "state.json").read_text() == "12"


def test_half_a_copy_is_no_checkpoint(tmp_path):
    run = new_run()
    write(run, 8)
    (run.folder / "checkpoints" / "00000012").mkdir()
    assert run.checkpoint().name == "00000008"


def test_a_file_system_without_links_has_checkpoints_all_the_same(monkeypatch):
    def refuse(*given, **more):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = new_run()
    write(run, 4)
    write(run, 8)
    assert run.read_checkpoint(lambda folder: (folder / "state.json").read_text()) == "8"
    assert not (run.folder / "checkpoint").exists()
