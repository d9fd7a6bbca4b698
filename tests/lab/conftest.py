"""Every test has a folder of runs of its own."""

import pytest


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"
