"""Heartbeats come from the first second on, whatever the main thread does, and never over another process's word."""

import time

import pytest

from core.errors import InputError
from lab import heartbeat, store
from lab.heartbeat import Heartbeat
from tests.lab.runs import new_run


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.02)


def until(reached) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_heartbeats_come_while_the_main_thread_is_busy_and_end_with_the_run():
    run = new_run()
    with Heartbeat(run) as beating:
        before = run.status.heartbeat
        assert run.status.state == "running"
        until(lambda: run.status.heartbeat > before)
        beating.step = 7
        until(lambda: run.status.step == 7)
        beating.tell("finished")
    last = run.status
    time.sleep(0.1)
    assert run.status == last
    assert last.state == "finished"


def test_a_full_disk_does_not_end_the_heartbeats(monkeypatch):
    run = new_run()
    with Heartbeat(run):
        write, refused = run.write_status, []

        def refuse(*words):
            refused.append(words)
            raise store.StorageFull("no room")

        monkeypatch.setattr(run, "write_status", refuse)
        until(lambda: len(refused) > 1)
        monkeypatch.setattr(run, "write_status", write)
        before = run.status.heartbeat
        until(lambda: run.status.heartbeat > before)
        assert run.status.state == "running"


def test_a_process_whose_run_was_taken_over_writes_no_status_any_more():
    run = new_run()
    with Heartbeat(run) as beating:
        (run.folder / "lock").unlink()
        thief = store.open_run("r")
        thief.claim()
        thief.write_status("running", 99, 100)
        time.sleep(0.1)
        assert run.status.step == 99
        with pytest.raises(InputError, match="writes no more"):
            beating.tell("failed")
    assert run.status.step == 99
