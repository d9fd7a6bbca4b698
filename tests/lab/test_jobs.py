"""Runs as processes of their own."""

import json
import os
import signal
import time

import pytest

from core.errors import InputError
from lab import jobs, store
from lab.cli import run as lab
from tests.lab.runs import FLAGS

SECONDS = 120


def wait(run: store.Run, *states: str) -> str:
    deadline = time.monotonic() + SECONDS
    while run.status.state not in states:
        assert time.monotonic() < deadline, (
            f"{run.status}: {run.log_path.read_text(encoding='utf-8')[-2000:]}"
        )
        time.sleep(0.1)
    return run.status.state


def test_a_started_run_is_a_process_of_its_own_that_ends_by_itself():
    run = jobs.start("toy", "mine", [*FLAGS, "--steps", "6"])
    # a job that waits for its turn has no process that trains yet
    while not run.status.pid:
        time.sleep(0.01)
    assert run.status.pid != os.getpid()
    assert os.getsid(run.status.pid) != os.getsid(0)
    assert wait(run, "finished", "failed") == "finished"
    assert run.log_path.is_file()
    assert (run.scores()["metric"] == "accuracy").sum() == 6


def test_a_killed_run_is_lost_and_goes_on_when_resumed():
    run = jobs.start("toy", "mine", [*FLAGS, "--steps", "400"])
    while len(run.steps()) < 6:
        time.sleep(0.05)
    os.kill(run.status.pid, signal.SIGKILL)
    assert wait(run, "lost") == "lost"
    resumed = jobs.resume("mine")
    with pytest.raises(InputError, match="already"):
        jobs.resume("mine")
    resumed.send_request("stop")
    assert wait(run, "stopped", "finished", "failed") in ("stopped", "finished")


def test_a_mistake_comes_back_in_the_commands_own_words():
    with pytest.raises(InputError, match="--steps"):
        jobs.start("toy", "mine", ["--stepz", "6"])
    with pytest.raises(InputError, match="did you mean toy"):
        jobs.start("toi")
    with pytest.raises(InputError, match="run name"):
        jobs.start("toy", "../mine")
    assert store.list_runs() == []


def test_the_second_run_waits_until_the_first_has_ended_and_is_listed_meanwhile(capsys):
    ada, bob = store.Starter(name="Ada", session="a"), store.Starter(name="Bob", session="b")
    running = jobs.start("toy", None, [*FLAGS, "--steps", "4000"], ada)
    second = jobs.start("toy", None, [*FLAGS, "--steps", "6"], bob)
    assert (running.name, second.name) == ("toy-1", "toy-2")
    assert jobs.waiting("toy-2")
    assert not store.is_run("toy-2")
    assert lab(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert [(row["run"], row["state"]) for row in rows[:1]] == [("toy-2", "waits")]
    assert "1 before it, toy-1 trains; Bob" in rows[0]["message"]
    running.send_request("stop")
    assert wait(running, "stopped") == "stopped"
    assert wait(second, "finished", "failed") == "finished"
    assert (running.info.starter, second.info.starter) == (ada, bob)
    assert second.log_path.is_file()
