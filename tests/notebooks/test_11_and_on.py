"""Notebooks from 11 on run from top to bottom, and their solutions pass their checks."""

import pytest

from tests.notebooks.running import complaints, notebooks

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("path", notebooks("11"), ids=lambda path: path.stem)
def test_it_runs_and_its_solutions_pass(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "runs"))
    assert complaints(path, tmp_path) == []
