"""Locks between processes, asked for and taken from outside."""

import os
import signal
import subprocess
import sys

import pytest

from core.locks import Lock, lock_state

HOLD = """
import sys
from pathlib import Path
from core.locks import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.acquire(shared=sys.argv[2] == "shared"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold the lock on a file until they are killed."""
    processes = []

    def hold(kind="alone"):
        (tmp_path / "lock").touch()
        command = [sys.executable, "-c", HOLD, str(tmp_path / "lock"), kind]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "True\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def test_a_lock_that_another_process_holds_is_not_given_until_that_process_is_killed(tmp_path, holder):
    process, lock = holder(), Lock(tmp_path / "lock")
    assert not lock.acquire()
    assert lock_state(lock.path) == "held"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert lock_state(lock.path) == "free"
    assert lock.acquire()


def test_a_second_handle_in_the_same_process_does_not_get_the_lock_nor_end_it_by_closing(tmp_path):
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    assert not Lock(lock.path).acquire()
    (tmp_path / "lock").read_bytes()
    assert lock_state(lock.path) == "held"
    lock.release()
    assert Lock(lock.path).acquire()


def test_many_ask_for_the_state_and_a_lock_can_be_taken_all_the_while(tmp_path):
    lock = Lock(tmp_path / "lock")
    lock.path.touch()
    for _ in range(100):
        assert lock_state(lock.path) == "free"
        assert lock.acquire()
        assert lock_state(lock.path) == "held"
        lock.release()


def test_readers_share_a_lock_and_keep_a_writer_out(tmp_path, holder):
    reader = holder("shared")
    holder("shared").kill()
    writer = Lock(tmp_path / "lock")
    assert not writer.acquire()
    reader.kill()
    reader.wait()
    holder("alone").kill()


def test_without_a_file_nothing_is_known(tmp_path):
    assert lock_state(tmp_path / "none") == "unknown"


def test_a_lock_whose_file_was_replaced_is_no_longer_held(tmp_path):
    lock = Lock(tmp_path / "lock")
    lock.acquire()
    (tmp_path / "other").touch()
    os.replace(tmp_path / "other", lock.path)
    assert not lock.held
    assert Lock(lock.path).acquire()


def test_a_lock_moves_with_its_folder(tmp_path):
    (tmp_path / "a").mkdir()
    Lock(tmp_path / "a" / "lock").acquire()
    (tmp_path / "a").rename(tmp_path / "b")
    assert lock_state(tmp_path / "b" / "lock") == "held"
