"""Runs that are killed, doubled, moved, copied, requeued and starved, many times over, from one seed.

    python -m tests.chaos --times 200 --seed 1 --out docs/reliability.json

Each time a run of a few steps is disturbed in one way at a random moment, and goes on until it has finished. Then it
must have the numbers of an undisturbed run, every step once, nothing half written, and nobody may have seen it lost
while its process lived, or alive when that was gone. The table goes to standard output, the counts to a JSON file.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from core.errors import InputError
from lab import store
from lab.store import ENDED, Run
from tests.forks import Child, Forks
from tests.lab.runs import MODEL_FLAGS
from tests.real_shape import real_shape_corpus

STEPS: Final = 24
FLAGS_OF_RUN: Final = (
    *MODEL_FLAGS, "--text.held-out", "40", "--tokenizer.vocabulary", "2000", "--steps", str(STEPS),
    "--measure.checkpoint-every", "3", "--measure.snapshot-every", "6",
)  # fmt: skip
LOSSES: Final = ("losses.mmlm", "losses.tlm", "losses.xlco")
DAY_SECONDS: Final = 86_400.0


@dataclass
class World:
    """What all disturbances share: the text, the process that forks, and the numbers of an undisturbed run."""

    top: Path
    forks: Forks
    corpus: Path
    expected: dict[str, np.ndarray] = field(default_factory=dict)

    def begin(self, runs: Path, *words: str, name: str = "r", **environment: str) -> Child:
        """Begins `lab train` for a run below `runs`."""
        flags = ("--name", name, "--corpus", str(self.corpus), *words)
        return self.forks.begin("train", "toy", *FLAGS_OF_RUN, *flags, PARALLAX_RUNS=str(runs), **environment)

    def go_on(self, runs: Path, name: str = "r", **environment: str) -> None:
        """Goes on with a run until it has finished, as a batch job would."""
        child = self.begin(runs, "--resume-if-exists", name=name, **environment)
        check(child.wait() == 0, f"--resume-if-exists ended with {child.code}: {child.said[-500:]}")


class Violation(AssertionError):
    """Something that must never happen."""


def check(holds: object, words: str) -> None:
    """Raises Violation unless something holds."""
    if not holds:
        raise Violation(words)


@dataclass
class Case:
    """One time: its folder of runs, its chance, and what happened."""

    world: World
    runs: Path
    chance: random.Random
    events: dict[str, int] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        return Run("r", self.runs / "r")

    def count(self, event: str) -> None:
        self.events[event] = self.events.get(event, 0) + 1

    def some_moment(self, child: Child, run: Run | None = None) -> None:
        """Waits for a moment drawn at random: after some step, some time, or in a phase before the first step."""
        run = run or self.run
        kind = self.chance.choice(["step", "step", "seconds", "folder", "checkpoint"])
        if kind == "step":
            step = self.chance.randrange(STEPS - 1)
            child.until(lambda: len(run.steps()) > step)
        elif kind == "seconds":
            until = time.monotonic() + self.chance.uniform(0.0, 2.0)
            child.until(lambda: time.monotonic() > until)
        elif kind == "folder":
            child.until(run.folder.is_dir)
        else:
            partial = run.folder / "checkpoints"
            child.until(lambda: partial.is_dir() and any(path.name[0] == "." for path in partial.iterdir()))
        time.sleep(self.chance.uniform(0.0, 0.02))

    def end(self, child: Child, number: int) -> None:
        """Sends a signal, waits for the end, and checks that nobody calls the run alive afterwards."""
        child.send(number)
        code = child.wait()
        self.count(f"{signal.Signals(number).name}, exit code {code}")
        check(
            code in (0, -number, 128 + number, 130),
            f"exit code {code} after signal {number}: {child.said[-300:]}",
        )
        check("Traceback" not in child.said, child.said[-500:])
        if self.run.folder.is_dir():
            state = self.run.status.state
            check(state in ENDED, f"the run is {state} although its process has ended")
            self.count(f"found {state}")


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


def whole_checkpoint(folder: Path) -> int:
    """The step of a checkpoint whose every file can be read; any other raises."""
    for path in folder.glob("*.safetensors"):
        load_file(path)
    for path in folder.glob("*.json"):
        json.loads(path.read_bytes())
    step = int(json.loads((folder / "state.json").read_bytes())["step"])
    check(folder.name == f"{step:08d}", f"{folder.name} holds step {step}")
    return step


def numbers_of(run: Run) -> dict[str, np.ndarray]:
    """What two runs of the same settings and text must have alike, bit for bit."""
    steps = run.steps()
    numbers = {name: steps[name].to_numpy() for name in ("step", "retrieval", "tokens", *LOSSES)}
    numbers |= {f"vectors of step {step}": run.snapshot(step)[1] for step in run.snapshots()}
    checkpoint = run.checkpoint()
    assert checkpoint is not None
    numbers |= {
        f"weights: {key}": value for key, value in load_file(checkpoint / "model.safetensors").items()
    }
    numbers["scores"] = run.scores()["value"].to_numpy()
    numbers["held out"] = run.held_out()["meaning"].to_numpy()
    return numbers


def finished(world: World, run: Run) -> None:
    """Checks that a run is as if nothing had happened, and that its folder holds nothing else."""
    check(run.status.state == "finished", f"it is {run.status.state}: {run.status.message}")
    numbers = numbers_of(run)
    check(numbers.keys() == world.expected.keys(), f"{numbers.keys() ^ world.expected.keys()}")
    for name, values in world.expected.items():
        check(np.array_equal(numbers[name], values, equal_nan=values.dtype.kind == "f"), f"{name} differs")
    names = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
    # one that somebody read while the last one was written may still be there
    check(names[-1] == f"{STEPS:08d}" and len(names) <= 2, f"checkpoints {names}")
    check((run.folder / "checkpoint" / "state.json").is_file(), "the link to the checkpoint leads nowhere")
    partial = [path for path in run.folder.rglob("*.partial") if path.name.endswith(".partial")]
    check(not partial, f"left half written: {partial}")
    for path in run.folder.rglob("*.parquet"):
        pq.read_table(path)
    check(run.folder.joinpath("lock").is_file(), "no lock")


@dataclass
class Row:
    """A line of the table: how often a disturbance was tried, what happened, and what must not have."""

    times: int = 0
    events: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def carry_out(world: World, disturbance: Disturbance, seed: str, row: Row) -> None:
    """Disturbs a run once, lets it go on to its end, and compares."""
    folder = world.top / "case"
    folder.mkdir()
    case = Case(world, folder / "runs", random.Random(seed))
    row.times += 1
    try:
        disturbance(case)
        case.world.go_on(case.runs)
        finished(world, case.run)
    except (Violation, InputError) as error:
        row.violations.append(f"{seed}: {error}")
        copy = world.top / f"violation-{len(row.violations)}-{disturbance.__name__}"
        shutil.copytree(folder, copy, symlinks=True, ignore_dangling_symlinks=True)
    finally:
        for event, count in case.events.items():
            row.events[event] = row.events.get(event, 0) + count
        shutil.rmtree(folder)


def chaos(times: int, seed: int, top: Path, say: Callable[[str], None] = lambda line: None) -> dict[str, Row]:
    """Disturbs `times` runs, all kinds in turn, and returns a row for each kind."""
    with Forks(top) as forks:
        world = World(top, forks, top / "corpus")
        real_shape_corpus(world.corpus, 0.01)
        undisturbed = world.begin(top / "undisturbed")
        check(undisturbed.wait() == 0, undisturbed.said)
        world.expected = numbers_of(Run("r", top / "undisturbed" / "r"))
        rows = {each.__name__: Row() for each in DISTURBANCES}
        for number, disturbance in enumerate(drawn(times, seed)):
            carry_out(world, disturbance, f"{seed}-{number}", rows[disturbance.__name__])
            say(
                f"{number + 1}/{times} {disturbance.__name__}: {len(rows[disturbance.__name__].violations)} violations"
            )
    return rows


def drawn(times: int, seed: int) -> list[Disturbance]:
    """Disturbances, all kinds once before any comes again."""
    chance = random.Random(seed)
    rounds = -(-times // len(DISTURBANCES))
    kinds = [each for _ in range(rounds) for each in chance.sample(DISTURBANCES, len(DISTURBANCES))]
    return kinds[:times]


def table(rows: dict[str, Row]) -> str:
    """The table of `docs/reliability.md`."""
    lines = ["| disturbance | times | what happened | violations |", "|---|---|---|---|"]
    for disturbance in DISTURBANCES:
        row = rows[disturbance.__name__]
        events = "; ".join(f"{event}: {count}" for event, count in sorted(row.events.items()))
        lines.append(f"| {disturbance.__doc__} | {row.times} | {events} | {len(row.violations)} |")
    total = sum(row.times for row in rows.values())
    lines.append(f"| all | {total} | | {sum(len(row.violations) for row in rows.values())} |")
    return "\n".join(lines)


def main() -> int:
    """Reads the command line; the exit code is 1 where something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--times", type=int, default=len(DISTURBANCES), help="disturbances, all kinds in turn"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file for the counts")
    parser.add_argument("--table", type=Path, help="such a JSON file, whose table is printed instead")
    arguments = parser.parse_args()
    if arguments.table:
        stored = json.loads(arguments.table.read_bytes())["rows"]
        print(table({name: Row(**row) for name, row in stored.items()}))
        return 0
    top = Path(tempfile.mkdtemp(prefix="parallax-chaos-"))
    began = time.time()
    rows = chaos(arguments.times, arguments.seed, top, lambda line: print(line, file=sys.stderr, flush=True))
    document: dict[str, Any] = {
        "times": arguments.times,
        "seed": arguments.seed,
        "minutes": round((time.time() - began) / 60, 1),
        "rows": {name: vars(row) for name, row in rows.items()},
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    violations = [line for row in rows.values() for line in row.violations]
    for line in violations:
        print(line, file=sys.stderr)
    if violations:
        print(f"their folders: {top}", file=sys.stderr)
        return 1
    shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
