"""What a disturbed run must have in the end: the numbers of an undisturbed one, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from lab.store import Run
from tests.chaos.case import LOSSES, STEPS, World, check


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
