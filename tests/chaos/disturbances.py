"""The ways in which a run is disturbed."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lab import store
from lab.store import ENDED, Run
from tests.chaos.case import DAY_SECONDS, STEPS, Case, check
from tests.chaos.outcome import finished, whole_checkpoint
from tests.forks import Child

Disturbance = Callable[[Case], None]


def killed(case: Case) -> None:
    """SIGKILL at some moments"""
    for _ in range(case.chance.randint(1, 3)):
        child = case.world.begin(case.runs, "--resume-if-exists")
        case.some_moment(child)
        case.end(child, signal.SIGKILL)


def asked_to_stop(case: Case) -> None:
    """SIGTERM, SIGINT or SIGUSR1 at some moments"""
    for _ in range(case.chance.randint(1, 3)):
        child = case.world.begin(case.runs, "--resume-if-exists")
        case.some_moment(child)
        case.end(child, case.chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]))


def begun_twice(case: Case) -> None:
    """two starters of one name"""
    both = [case.world.begin(case.runs) for _ in range(2)]
    codes = sorted(child.wait() for child in both)
    check(codes == [0, 2], f"exit codes {codes}: {[child.said[-300:] for child in both]}")
    check(not list(case.runs.glob("*.partial")), "the slower starter has left something")
    case.count("one trained, one refused")


def resumed_twice(case: Case) -> None:
    """two that go on with one run"""
    child = case.world.begin(case.runs)
    case.some_moment(child)
    case.end(child, signal.SIGKILL)
    if not case.run.folder.is_dir():
        return
    both = [case.world.begin(case.runs, "--resume") for _ in range(2)]
    codes = sorted(child.wait() for child in both)
    check(codes in ([0, 2], [0, 0]), f"exit codes {codes}: {[child.said[-300:] for child in both]}")
    case.count("one trained, one refused" if codes == [0, 2] else "one after the other")


def clock_set(case: Case) -> None:
    """clock set by up to ten days while it trains"""
    child = case.world.begin(case.runs)
    child.until(lambda: len(case.run.steps()) > 1)
    for _ in range(5):
        before = child.poll() is None
        path = case.run.folder / "status.json"
        status = json.loads(path.read_bytes())
        status["heartbeat"] += case.chance.uniform(-10, 10) * DAY_SECONDS
        store.replace(path, json.dumps(status).encode())
        state = case.run.status.state
        check(not (before and child.poll() is None) or state != "lost", "a live run was called lost")
        case.count("heartbeat moved")
    case.end(child, signal.SIGKILL)
    case.run.write_status("running", 1, STEPS)
    check(case.run.status.state == "lost", "a dead run with a fresh heartbeat was called alive")


def requeued(case: Case) -> None:
    """job killed on one machine, put back on another at once"""
    job = {"SLURM_JOB_ID": "41"}
    child = case.world.begin(case.runs, "--resume-if-exists", **job)
    case.some_moment(child)
    case.end(child, signal.SIGKILL)
    path = case.run.folder / "status.json"
    if path.is_file() and case.run.status.state != "finished":
        status = json.loads(path.read_bytes())
        status["owner"] |= {"host": "node7", "boot": "another"}
        path.write_text(json.dumps({**status, "heartbeat": time.time()}))
        check(case.run.status.state == "lost", "a killed run of another machine was called alive")
    case.world.go_on(case.runs, **job, SLURM_RESTART_COUNT="1")
    case.count("went on at once")


def moved(case: Case) -> None:
    """killed, then moved to another folder"""
    child = case.world.begin(case.runs)
    case.some_moment(child)
    case.end(child, signal.SIGKILL)
    elsewhere = case.runs.with_name("elsewhere")
    if case.runs.is_dir():
        case.runs.rename(elsewhere)
        case.runs = elsewhere
        case.count("moved")


def moved_alive(case: Case) -> None:
    """its folder renamed while it trains"""
    child = case.world.begin(case.runs)
    child.until(lambda: len(case.run.steps()) > case.chance.randrange(6))
    if child.poll() is None:
        case.run.folder.rename(case.runs / "renamed")
        child.wait()
        check(child.code in (0, 2), f"exit code {child.code}: {child.said[-300:]}")
        check("Traceback" not in child.said, child.said[-500:])
        case.count(f"exit code {child.code}")
        shutil.rmtree(case.run.folder, ignore_errors=True)
        (case.runs / "renamed").rename(case.run.folder)


def copied(case: Case) -> None:
    """copied while it trains; the copy goes on as well"""
    child = case.world.begin(case.runs)
    child.until(lambda: len(case.run.steps()) > case.chance.randrange(STEPS - 2))
    copy = Run("copy", case.runs / "copy")
    while True:
        shutil.rmtree(copy.folder, ignore_errors=True)
        try:
            shutil.copytree(case.run.folder, copy.folder, symlinks=True)
            break
        except shutil.Error:
            # a file went while it was copied, as checkpoints and partial files do: rsync would copy again
            case.count("copied again")
    check(copy.status.state in ENDED, f"the copy is {copy.status.state}")
    check(child.wait() == 0, child.said[-300:])
    finished(case.world, case.run)
    case.world.go_on(case.runs, name="copy")
    finished(case.world, copy)
    case.count("copy went on")


def read(case: Case) -> None:
    """looked at, measured and listed all the while, then SIGKILL"""
    child = case.world.begin(case.runs)
    alive, commands = False, [("evaluate", "r"), ("show", "r"), ("list",)]
    last = case.chance.randrange(STEPS)
    while child.poll() is None and (not case.run.folder.is_dir() or len(case.run.steps()) < last):
        reader = case.world.forks.begin(*case.chance.choice(commands), PARALLAX_RUNS=str(case.runs))
        while reader.poll() is None:
            alive = look(case, child, alive)
        check(reader.code in (0, 2) and "Traceback" not in reader.said, reader.said[-500:])
        known = ("no checkpoint yet", "expected a run")
        check(reader.code == 0 or any(words in reader.said for words in known), reader.said[-500:])
        case.count("command read it")
    case.end(child, signal.SIGKILL)


def look(case: Case, child: Child, alive: bool) -> bool:
    """Reads all there is of the run, and returns whether it was seen alive."""
    for run in store_of(case.runs):
        state = run.status.state
        check(child.poll() is not None or not alive or state != "lost", "a live run was called lost")
        alive = alive or state not in ENDED
        _ = run.info, run.steps(), run.scores(), run.snapshots(), run.request, run.log_tail()
        if run.checkpoint() is not None:
            step = run.read_checkpoint(whole_checkpoint)
            check(step % 3 == 0, f"a checkpoint of step {step}")
            case.count("checkpoint read")
    return alive


def starved(case: Case) -> None:
    """disk full at some moment"""
    disk = case.runs.with_name("disk")
    disk.mkdir()
    kib = case.chance.randrange(8, 4_000)
    if mount(disk, kib):
        try:
            child = case.world.begin(disk / "runs")
            code = child.wait()
            check(code in (0, 2), f"exit code {code}: {child.said[-500:]}")
            check("Traceback" not in child.said, child.said[-500:])
            case.count("no room" if code else "there was room")
            mount(disk, 64_000, remount=True)
            case.world.go_on(disk / "runs")
            finished(case.world, Run("r", disk / "runs" / "r"))
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
    else:
        case.count("no small disk can be mounted here")


def together(case: Case) -> None:
    """three runs on text that is new, one of them killed"""
    children = [case.world.begin(case.runs, name=name) for name in ("r", "b", "c")]
    case.some_moment(children[0])
    case.end(children[0], signal.SIGKILL)
    for child, name in zip(children[1:], ("b", "c"), strict=True):
        check(child.wait() == 0, child.said[-500:])
        finished(case.world, Run(name, case.runs / name))
    case.count("the others finished")


DISTURBANCES: Final[tuple[Disturbance, ...]] = (
    killed, asked_to_stop, begun_twice, resumed_twice, clock_set, requeued, moved, moved_alive, copied, read, starved,
    together,
)  # fmt: skip


def mount(folder: Path, kib: int, remount: bool = False) -> bool:
    """Mounts a file system of so many KiB; False where that is not allowed."""
    options = f"size={kib}k" + (",remount" if remount else "")
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def store_of(runs: Path) -> list[Run]:
    """The runs below a folder, as `store.list_runs` finds them."""
    os.environ["PARALLAX_RUNS"] = str(runs)
    return store.list_runs()
