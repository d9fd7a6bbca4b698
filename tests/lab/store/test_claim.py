"""One process writes into a run, and everybody knows whether it lives: by a lock, whatever clocks say."""

import json
import shutil
import subprocess
import sys
import threading
import time

import pytest

from core.errors import InputError
from lab import store
from lab.store import owner
from lab.store.run_info import Status
from tests.lab.runs import new_run

ELSEWHERE = {"host": "node7", "boot": "b", "pid": 7, "job": "41"}
TRAIN = """
import sys, time
from lab import store
import core.locks
if sys.argv[1] == "without locks":
    core.locks.fcntl = None
run = store.open_run("r")
run.claim()
run.write_status("running", 3, 12)
print("claimed", flush=True)
while sys.stdin.readline():
    run.write_status("running", 3, 12)
"""


@pytest.fixture
def train():
    """Starts processes that claim the run `r` and keep it until they are killed."""
    processes = []

    def start(kind="with locks"):
        process = subprocess.Popen(
            [sys.executable, "-c", TRAIN, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "claimed\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def short_lease(monkeypatch):
    monkeypatch.setattr(owner, "LEASE_SECONDS", 0.6)


@pytest.fixture
def without_locks(monkeypatch):
    """As on a file system that has none."""
    monkeypatch.setattr("core.locks.fcntl", None)


def at_rest() -> store.Run:
    run = new_run()
    run.write_status("stopped", 3, 12)
    run.release()
    return run


def rewrite_status(run: store.Run, **changes) -> None:
    path = run.folder / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_second_process_that_goes_on_with_a_run_is_refused_in_one_line_that_names_the_first(train):
    run = at_rest()
    trainer = train()
    with pytest.raises(
        InputError, match=f"r is running in process {trainer.pid} on .*: stop it first"
    ) as caught:
        run.claim()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("heartbeat", [0.0, 4e9])
def test_a_run_whose_process_lives_is_running_wherever_the_clock_is_set(train, heartbeat):
    run = at_rest()
    train()
    rewrite_status(run, heartbeat=heartbeat)
    assert run.status.state == "running"


@pytest.mark.parametrize("heartbeat", [0.0, 4e9])
@pytest.mark.parametrize("who", [{}, ELSEWHERE])
def test_a_run_whose_process_was_killed_is_lost_at_once_and_can_be_claimed(train, heartbeat, who):
    run = at_rest()
    process = train()
    process.kill()
    process.wait()
    rewrite_status(run, heartbeat=heartbeat, owner=who)
    assert run.status.state == "lost"
    assert "--resume" in run.status.message
    run.claim()


def test_a_copy_of_a_running_run_is_lost_and_the_original_goes_on(train, tmp_path):
    run = at_rest()
    train()
    shutil.copytree(run.folder, run.folder.with_name("copy"))
    copy = store.open_run("copy")
    assert copy.status.state == "lost"
    copy.claim()
    assert run.status.state == "running"


def test_readers_never_keep_a_process_from_claiming_a_run():
    run = at_rest()
    for _ in range(100):
        assert store.open_run("r").status.state == "stopped"
        run.claim()
        run.release()


def test_a_lock_of_another_machine_is_not_taken_from_an_owner_that_may_live(train, short_lease):
    run = at_rest()
    train()
    rewrite_status(run, owner=ELSEWHERE)
    with pytest.raises(InputError, match=r"process 7 on node7 \(job 41\)"):
        run.claim()


def test_a_lock_is_never_taken_from_a_process_of_this_machine(train, short_lease):
    run = at_rest()
    train()
    with pytest.raises(InputError, match="stop it first"):
        run.claim(take_over=True)


def test_a_lock_of_another_machine_is_not_taken_while_heartbeats_come(train, short_lease):
    run = at_rest()
    train()
    rewrite_status(run, owner=ELSEWHERE)

    def beat():
        rewrite_status(run, heartbeat=-1.0)

    with pytest.raises(InputError, match="stop it first"):
        # a heartbeat comes while this process watches
        run.claim(take_over=True, waits=lambda: threading.Timer(0.2, beat).start())


def test_taking_over_a_silent_run_of_another_machine_makes_its_owner_stop_when_it_wakes(short_lease):
    sleeper = new_run()
    sleeper.write_status("running", 3, 12)
    rewrite_status(sleeper, owner=ELSEWHERE)
    taker, watched = store.open_run("r"), []
    taker.claim(take_over=True, waits=lambda: watched.append(True))
    assert watched == [True]
    taker.write_status("queued", 3, 12)
    taker.check_claim()
    with pytest.raises(InputError, match="this process writes no more into it"):
        sleeper.check_claim()
    assert store.open_run("r").status.state == "queued"


def test_a_job_that_was_put_back_into_the_queue_goes_on_without_being_told(short_lease, monkeypatch):
    frozen = new_run()
    frozen.write_status("running", 3, 12)
    rewrite_status(frozen, owner={**ELSEWHERE, "restarts": 0})
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    with pytest.raises(InputError, match="stop it first"):
        store.open_run("r").claim()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    store.open_run("r").claim()


def test_without_locks_a_process_of_this_machine_is_looked_up(train, without_locks):
    run = at_rest()
    process = train("without locks")
    rewrite_status(run, heartbeat=0.0)
    assert run.status.state == "running"
    with pytest.raises(InputError, match="stop it first"):
        run.claim()
    process.kill()
    process.wait()
    assert run.status.state == "lost"
    run.claim()
    run.check_claim()


def test_without_locks_a_run_of_another_machine_goes_on_after_a_lease_of_silence(short_lease, without_locks):
    run = at_rest()
    run.write_status("running", 3, 12)
    rewrite_status(run, owner=ELSEWHERE)
    assert run.status.state == "running"
    taker = store.open_run("r")
    taker.claim()
    taker.check_claim()
    assert taker.status.owner == owner.this_process()
    rewrite_status(run, owner=ELSEWHERE, state="running", heartbeat=time.time() - 1)
    assert run.status.state == "lost"


def test_without_locks_of_two_that_claim_together_the_last_one_has_the_run(without_locks, monkeypatch):
    monkeypatch.setattr("lab.store.claim.SETTLE_SECONDS", 0.5)
    run = at_rest()
    quicker, slower = store.open_run("r"), store.open_run("r")

    def claim_slower():
        time.sleep(0.1)
        slower.claim()

    thread = threading.Thread(target=claim_slower)
    thread.start()
    # both are of this process, which lives: only the time of their claims tells them apart
    monkeypatch.setattr(owner.Owner, "runs_here", lambda self: False)
    with pytest.raises(InputError):
        quicker.claim()
    thread.join()
    slower.check_claim()
    assert run.status.life == slower.status.life


def test_the_status_of_an_older_version_is_understood():
    old = {"state": "running", "step": 5, "steps": 12, "pid": 17, "process_started": 1.7e9, "host": "node7",
           "heartbeat": 1.7e9}  # fmt: skip
    status = Status.model_validate(old)
    assert (status.pid, status.owner.host, status.step) == (17, "node7", 5)
    run = at_rest()
    (run.folder / "lock").unlink()
    (run.folder / "status.json").write_text(json.dumps(old))
    assert run.status.state == "lost"
    (run.folder / "status.json").write_text(json.dumps({**old, "heartbeat": time.time()}))
    assert run.status.state == "running"
    with pytest.raises(InputError, match="process 17 on node7"):
        run.claim()


def test_a_status_that_cannot_be_read_is_a_lost_run():
    run = at_rest()
    for content in ("", "{", "[]", '{"state": "asleep"}'):
        (run.folder / "status.json").write_text(content)
        assert run.status.state == "lost"
