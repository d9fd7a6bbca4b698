"""Files and folders that are whole whenever they are there."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.files import beside, cached_folder, remove_folder, whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path):
    (tmp_path / "f").write_text("old")

    def fail():
        with whole_file(tmp_path / "f") as partial:
            partial.write_text("ne")
            raise OSError

    with pytest.raises(OSError):
        fail()
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f").read_text() == "old"


def test_a_folder_that_is_taken_by_the_end_is_refused_and_its_content_stays(tmp_path):
    def write():
        with whole_folder(tmp_path / "f") as partial:
            (partial / "a").write_text("second")
            with whole_folder(tmp_path / "f") as quicker:
                (quicker / "a").write_text("first")

    with pytest.raises(FileExistsError):
        write()
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f" / "a").read_text() == "first"


def test_a_folder_that_may_go_is_replaced_whole(tmp_path):
    for content in ("first", "second"):
        with whole_folder(tmp_path / "f", replaces=lambda folder: True) as partial:
            (partial / content).touch()
    assert names(tmp_path / "f") == ["second"]
    assert names(tmp_path) == ["f"]


def test_a_folder_that_is_removed_twice_is_gone(tmp_path):
    (tmp_path / "f" / "g").mkdir(parents=True)
    remove_folder(tmp_path / "f")
    remove_folder(tmp_path / "f")
    assert names(tmp_path) == []


def read(folder: Path) -> str:
    return (folder / "content").read_text()


def test_of_many_that_come_together_one_writes_and_all_read_it(tmp_path):
    written, results = [], []

    def write(folder: Path) -> None:
        written.append(folder)
        time.sleep(0.2)
        (folder / "content").write_text(str(len(written)))

    together = [
        threading.Thread(target=lambda: results.append(cached_folder(tmp_path / "f", read, write)))
        for _ in range(5)
    ]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert results == ["1"] * 5
    assert names(tmp_path) == ["f"]


def test_without_locks_all_write_and_the_last_take_the_folder_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr("core.locks.fcntl", None)

    def slower(folder: Path) -> None:
        (folder / "content").write_text("slower")
        assert cached_folder(
            tmp_path / "f", read, lambda partial: (partial / "content").write_text("quicker")
        )

    assert cached_folder(tmp_path / "f", read, slower) == "quicker"
    assert names(tmp_path) == ["f"]


def test_a_damaged_folder_is_written_again(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "other").touch()
    assert cached_folder(tmp_path / "f", read, lambda new: (new / "content").write_text("new")) == "new"
    assert names(tmp_path / "f") == ["content"]


KILLED = """
import sys, time
from pathlib import Path
from core.files import cached_folder
def write(folder):
    (folder / "content").write_text("half")
    print("writing", flush=True)
    time.sleep(600)
cached_folder(Path(sys.argv[1]), lambda folder: (folder / "content").read_text(), write)
"""


def test_what_a_killed_writer_has_left_is_removed_by_the_next(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "f")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.kill()
    process.communicate()
    assert len(names(tmp_path)) == 2
    assert cached_folder(tmp_path / "f", read, lambda new: (new / "content").write_text("new")) == "new"
    assert names(tmp_path) == ["f"]


def test_names_beside_a_path_never_meet(tmp_path):
    partial = {beside(tmp_path / "f") for _ in range(1000)}
    assert len(partial) == 1000
    assert all(path.parent == tmp_path and path.name.startswith(".f.") for path in partial)


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    with whole_file(tmp_path / "f") as partial:
        partial.write_text("x")
        assert not os.path.exists(tmp_path / "f")
    assert (tmp_path / "f").read_text() == "x"
