"""A run small enough for tests, on the built-in world."""

from pathlib import Path

from core.config import Settings
from lab import store
from lab.recipes import recipe
from lab.starting import start_run
from lab.training import run_training


def tiny(**changes) -> Settings:
    base = recipe("toy").model_dump()
    base["world"] |= {"languages": ("ar", "en", "zh"), "meanings": 300}
    base["text"] |= {"held_out": 40}
    base["tokenizer"] |= {"vocabulary": 700}
    base["model"] |= {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 32}
    base["contrast"] |= {"layer": 1, "examples": 8}
    base["mmlm"] |= {"examples": 8}
    base["tlm"] |= {"examples": 8}
    base["measure"] |= {
        "snapshot_every": 5,
        "checkpoint_every": 4,
        "snapshot_meanings": 6,
        "retrieval_meanings": 10,
    }
    base["optimizer"] |= {"warmup": 1}
    base |= {"steps": 12}
    for key, value in changes.items():
        base[key] = base[key] | value if isinstance(value, dict) else value
    return Settings.model_validate(base)


MODEL_FLAGS = [
    *("--model.layers", "1", "--model.hidden", "16", "--model.heads", "2", "--model.feedforward", "32"),
    *("--contrast.layer", "1", "--contrast.examples", "8", "--mmlm.examples", "8", "--tlm.examples", "8"),
    *("--measure.snapshot-every", "5", "--measure.checkpoint-every", "4", "--measure.snapshot-meanings", "6"),
    *("--measure.retrieval-meanings", "10", "--optimizer.warmup", "1"),
]
FLAGS = [
    *("--world.languages", "ar", "en", "zh", "--world.meanings", "300", "--text.held-out", "40"),
    *("--tokenizer.vocabulary", "700", *MODEL_FLAGS),
]


def new_run(name: str = "r") -> store.Run:
    """A run that has not begun to train, claimed by this process."""
    return store.create_run(name, store.describe(name, tiny(), "world", "0" * 64, ("ar", "en", "zh"), "cpu"))


def trained_run(name: str = "r", corpus: Path | None = None, **changes) -> store.Run:
    """A run with the settings `tiny(**changes)` that has finished; its text is the built-in world or a folder."""
    return run_training(*start_run(name, tiny(**changes), corpus))
