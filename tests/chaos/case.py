"""A run to disturb: how it begins, goes on and ends."""

import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from lab.store import ENDED, Run
from tests.forks import Child, Forks
from tests.lab.runs import MODEL_FLAGS

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
