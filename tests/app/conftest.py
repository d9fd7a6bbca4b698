"""Stores in the three states a page meets: full, empty, broken."""

from pathlib import Path

import pytest

from tests.app.runs import write_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store."""
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    return tmp_path


@pytest.fixture
def full(runs: Path) -> Path:
    """A store with two runs."""
    write_run("first")
    write_run("second")
    return runs


@pytest.fixture
def broken(runs: Path) -> Path:
    """A store with one good run, and one each that is half written, of another version, and damaged inside."""
    damaged = write_run("damaged")
    (damaged.folder / "scores.parquet").write_bytes(b"PAR1 no more")
    (damaged.folder / "vectors" / "step-00000040.safetensors").write_bytes(b"no tensor")
    with (damaged.folder / "steps.jsonl").open("a") as file:
        file.write('{"step": 41, "los')
    (damaged.folder / "status.json").write_text("{")
    half = write_run("half")
    (half.folder / "run.json").write_text('{"format": 1, "name": "ha')
    old = write_run("old")
    text = (old.folder / "run.json").read_text()
    (old.folder / "run.json").write_text(text.replace('"format": 1', '"format": 99'))
    write_run("good")
    return runs
