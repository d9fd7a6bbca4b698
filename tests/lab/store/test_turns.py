"""The queue of jobs: one trains at a time, first come, first served, and a process that is gone has no turn."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest

from core.errors import InputError
from lab.store import Starter, turns
from lab.store.paths import runs_folder
from lab.store.run_info import Status
from lab.store.turns import Left, failed_tickets, leave, tickets, turn

SECONDS = 60
ADA = Starter(name="Ada", session="a")


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, [(ticket.name, ticket.state) for ticket in tickets()]
        time.sleep(0.01)


class Job(threading.Thread):
    """A thread that waits for its turn and trains until it is told to end."""

    def __init__(self, name: str, order: list[str] | None = None) -> None:
        super().__init__(daemon=True)
        self.name, self.order, self.end = name, [] if order is None else order, threading.Event()
        self.before: list[int] = []
        self.error: Exception | None = None
        self.start()
        until(lambda: self.state is not None)

    @property
    def state(self) -> str | None:
        return next((ticket.state for ticket in tickets() if ticket.name == self.name), None)

    def run(self) -> None:
        try:
            with turn(self.name, ADA, self.before.append):
                self.order.append(self.name)
                self.end.wait(SECONDS)
        except InputError as error:
            self.error = error


@contextmanager
def jobs(*names: str):
    with ExitStack() as stack:
        order: list[str] = []
        started = [Job(name, order) for name in names]
        for job in started:
            stack.callback(job.end.set)
        yield started


def test_one_trains_at_a_time_and_the_others_follow_in_the_order_in_which_they_came():
    with jobs("a", "b", "c", "d") as started:
        until(lambda: started[0].state == "trains")
        assert [ticket.name for ticket in tickets()] == ["a", "b", "c", "d"]
        for position, job in enumerate(started):
            until(lambda job=job: job.state == "trains")
            assert [waiting.state for waiting in started[position + 1 :]] == ["waits"] * (3 - position)
            job.end.set()
            job.join(SECONDS)
        assert started[0].order == ["a", "b", "c", "d"]
        assert started[2].before in ([2], [2, 1])
    assert tickets() == failed_tickets() == []


def test_parallax_jobs_says_how_many_train(monkeypatch):
    monkeypatch.setenv("PARALLAX_JOBS", "2")
    with jobs("a", "b", "c") as started:
        until(lambda: started[1].state == "trains")
        assert started[0].state == "trains"
        assert started[2].state == "waits"


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", ""])
def test_a_number_of_jobs_that_is_none_is_refused_in_one_line(monkeypatch, number):
    monkeypatch.setenv("PARALLAX_JOBS", number)
    with (
        pytest.raises(InputError, match="expected a number of runs from 1 in PARALLAX_JOBS"),
        turn("a", ADA, print),
    ):
        pass


def test_a_command_in_a_terminal_trains_at_once_and_the_queue_waits_for_it():
    with turn("", Starter(), None), jobs("a") as (job,):
        assert job.state == "waits"
        with turn("", Starter(), None):
            assert job.state == "waits"


def test_whoever_leaves_the_queue_never_trains_and_the_next_moves_up():
    with jobs("a", "b", "c") as (a, b, c):
        leave("b")
        b.join(SECONDS)
        assert isinstance(b.error, Left)
        leave("a")
        assert a.state == "trains"
        a.end.set()
        until(lambda: a.order == ["a", "c"])
        assert c.state == "trains"


def test_two_jobs_of_one_name_do_not_wait_together():
    with jobs("a"), pytest.raises(InputError, match="choose another"), turn("a", ADA, print):
        pass


def test_a_paused_run_lets_the_next_one_train():
    with jobs("a", "b") as (a, b):
        until(lambda: a.state == "trains")
        (runs_folder() / "a").mkdir(parents=True)
        (runs_folder() / "a" / "status.json").write_text(Status(state="paused").model_dump_json())
        until(lambda: b.state == "trains")
        assert a.state == "trains"


HOLDER = """
import sys, time
from lab.store import Starter
from lab.store.turns import turn
with turn(sys.argv[1], Starter(name="Ada", session="a"), lambda before: None, "its.log"):
    print("trains", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_loses_its_turn_and_its_ticket_says_where_the_reason_stands():
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, "a"], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert holder.stdout.readline() == b"trains\n"
    with jobs("b") as (job,):
        assert job.state == "waits"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(SECONDS)
        holder.stdout.close()
        until(lambda: job.state == "trains")
        assert [(ticket.name, ticket.log, ticket.starter.name) for ticket in failed_tickets()] == [
            ("a", "its.log", "Ada")
        ]
        leave("a")
        assert failed_tickets() == []


def test_a_job_that_fails_leaves_its_ticket_for_a_while(monkeypatch):
    with pytest.raises(ZeroDivisionError), turn("a", ADA, print):
        raise ZeroDivisionError
    assert [ticket.name for ticket in failed_tickets()] == ["a"]
    assert tickets() == []
    monkeypatch.setattr(turns, "FORGET_SECONDS", -1)
    assert failed_tickets() == []
