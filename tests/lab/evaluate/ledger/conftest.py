"""A tiny run on the world and its ledger, shared by the tests of what the ledger says."""

import pytest

from lab.evaluate.information import information_of_run
from lab.evaluate.ledger.loaded_run import load_run
from tests.lab.evaluate.ledger.rows import EFFORT
from tests.lab.runs import trained_run


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="package")
def loaded(folder):
    """A trained tiny run on the world, opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        yield load_run(trained_run("tiny"))


@pytest.fixture(scope="package")
def document(loaded, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        return information_of_run(loaded.run, EFFORT)


@pytest.fixture
def runs(folder, monkeypatch):
    """The folder of the tiny run is that of the process."""
    monkeypatch.setenv("PARALLAX_RUNS", str(folder))
