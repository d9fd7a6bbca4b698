"""A run that trained for a moment on text of real shape."""

from pathlib import Path

from lab import store
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import tiny
from tests.real_shape import real_shape_corpus

SETTINGS = tiny(
    steps=2,
    tokenizer={"vocabulary": 2_000},
    measure={"checkpoint_every": 2, "snapshot_every": 2, "retrieval_meanings": 20},
)


def real_run(folder: Path, name: str = "r") -> store.Run:
    """The run, in the store of the test, on a corpus that it writes into `folder`."""
    real_shape_corpus(folder, 0.02)
    run_training(*start_run(name, SETTINGS, folder))
    return store.open_run(name)
