"""Every test has a folder of runs of its own."""

import pytest

from tests.forks import Forks


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """Begins `lab` commands as processes that share the seconds of importing."""
    with Forks(tmp_path_factory.mktemp("forks")) as server:
        yield server
