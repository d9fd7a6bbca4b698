"""Signals end a run in good order: after its step, with a checkpoint; a second one ends it at once."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lab import store
from lab.interruption import Interrupted, Interruption
from lab.starting import reopen_run, start_run
from lab.training import run_training
from tests.lab.runs import FLAGS, tiny, trained_run

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Losses of a run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("whole")))
        return trained_run("whole").steps()[LOSSES]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_while_it_trains_finishes_the_step_keeps_a_checkpoint_and_the_run_goes_on(number, whole):
    run, corpus = start_run("r", tiny(), None)
    with pytest.raises(Interrupted) as stop:
        run_training(run, corpus, lambda report: send(number) if report.record and report.done == 6 else None)
    assert stop.value.exit_code == 128 + number
    assert (run.status.state, run.status.step) == ("stopped", 6)
    assert run.status.message == f"stopped by {signal.Signals(number).name}; continue with --resume"
    assert run.checkpoint().name == "00000006"
    assert run_training(*reopen_run("r")).steps()[LOSSES].equals(whole)


@pytest.mark.parametrize("phase", ["tokenizer", "encoding", "evaluating"])
def test_a_signal_before_or_after_training_ends_the_run_at_once_and_it_goes_on_to_the_same_numbers(
    phase, whole
):
    run, corpus = start_run("r", tiny(), None)
    with pytest.raises(Interrupted):
        run_training(run, corpus, lambda report: send(signal.SIGTERM) if report.phase == phase else None)
    assert run.status.state == "stopped"
    # nothing half written stays in the cache
    assert not list(store.cache_folder().glob(".*"))
    resumed = run_training(*reopen_run("r"))
    assert resumed.status.state == "finished"
    assert resumed.steps()[LOSSES].equals(whole)
    assert (resumed.scores()["metric"] == "mean_accuracy").sum() == 1


def test_a_signal_in_a_pause_stops_the_run():
    run, corpus = start_run("r", tiny(), None)

    def pause_and_stop(report):
        if report.record and report.done == 3:
            run.send_request("pause")
            signal.signal(signal.SIGALRM, lambda *_: send(signal.SIGTERM))
            signal.setitimer(signal.ITIMER_REAL, 0.5)

    with pytest.raises(Interrupted):
        run_training(run, corpus, pause_and_stop)
    assert (run.status.state, run.status.step) == ("stopped", 3)


def test_handlers_are_those_from_before_when_a_run_has_ended():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    trained_run(steps=2)
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    assert after == before


def test_the_same_signal_from_launcher_and_group_counts_once():
    def receive():
        with Interruption() as interruption, interruption.finishing():
            for _ in range(3):
                send(signal.SIGTERM)

    with pytest.raises(Interrupted):
        receive()


SECOND = """
import signal, sys, time
from lab.interruption import Interruption
with Interruption() as interruption, interruption.finishing():
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
        if interruption.number:
            print("noted", flush=True)
            time.sleep(60)
"""


def test_a_second_signal_kills():
    process = subprocess.Popen([sys.executable, "-c", SECOND], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "noted\n"
    while process.poll() is None:
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM
    process.stdout.close()


def test_the_command_says_in_one_line_which_signal_stopped_it_and_ends_with_its_code(forks):
    child = forks.begin("train", "toy", *FLAGS, "--steps", "2000", "--name", "r")
    run = store.Run("r", store.runs_folder() / "r")
    child.until(lambda: len(run.steps()) >= 3)
    child.send(signal.SIGTERM)
    assert child.wait() == 143
    assert child.said.strip().splitlines()[-1] == "lab: stopped by SIGTERM; continue with --resume"
    assert run.status.state == "stopped"
    step = json.loads((run.checkpoint() / "state.json").read_bytes())["step"]
    assert step == run.status.step == run.steps()["step"].max()
