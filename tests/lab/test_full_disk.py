"""A disk that is full at whatever moment: one clear line, nothing half written; with room the run goes on."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import store
from tests.lab.runs import FLAGS

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]
WORDS = ("train", "toy", *FLAGS, "--steps", "12", "--name", "r")


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of so many KiB, or changes its size; skips where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def size(kib: int) -> Path:
        nonlocal mounted
        options = f"size={kib}k" + (",remount" if mounted else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield size
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def whole(forks, tmp_path_factory):
    """A run on a disk with room: its losses, and how many KiB it and its cache take."""
    runs = tmp_path_factory.mktemp("whole")
    child = forks.run(*WORDS, PARALLAX_RUNS=str(runs))
    assert child.code == 0, child.said
    used = sum(path.lstat().st_blocks for path in runs.rglob("*")) // 2
    return store.Run("r", runs / "r").steps()[LOSSES], used


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("share", [0.02, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_run_on_a_full_disk_says_so_in_a_line_and_goes_on_to_the_same_numbers_when_there_is_room(
    share, small_disk: Callable[[int], Path], forks, whole, monkeypatch
):
    losses, used = whole
    disk = small_disk(max(8, int(share * used)))
    monkeypatch.setenv("PARALLAX_RUNS", str(disk / "runs"))
    child = forks.run(*WORDS)
    assert child.code == 2, child.said
    assert child.said.strip().splitlines()[-1].startswith("lab: no room to write ")
    assert "Traceback" not in child.said
    assert not [path for path in disk.rglob("*.partial") if path.name.endswith(".partial")]
    for run in store.list_runs():
        assert run.status.state in ("failed", "lost")
        assert run.info.name == "r"
    small_disk(4 * used)
    again = forks.run(*WORDS, "--resume-if-exists")
    assert again.code == 0, again.said
    run = store.open_run("r")
    assert run.status.state == "finished"
    assert run.steps()[LOSSES].equals(losses)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_other_commands_on_a_full_disk_say_so_in_a_line(small_disk, forks, whole, tmp_path, monkeypatch):
    disk = small_disk(20_000)
    monkeypatch.setenv("PARALLAX_RUNS", str(disk / "runs"))
    child = forks.run(*WORDS)
    assert child.code == 0, child.said
    (tmp_path / "en-fr.tsv").write_text("en\tfr\n" + "".join(f"one {n}\tun {n}\n" for n in range(20_000)))
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(b"\0" * (free - 4096))
    out = str(disk / "out")
    for words in (
        ("export", "r", "--out", out),
        ("corpus", "import", str(tmp_path / "en-fr.tsv"), "--out", out),
        ("world", "--languages", "en", "fr", "--meanings", "20000", "--out", out),
    ):
        child = forks.run(*words)
        assert child.code == 2, child.said
        assert child.said.strip().splitlines()[-1].startswith("lab: no room to write "), words
        assert not (disk / "out").exists()
        assert not list(disk.glob(".out.*"))
