"""A scale so small that a cell takes a second."""

import shutil

import pytest

from lab.study import scales, study
from lab.study.definitions import STUDIES
from tests.lab.runs import tiny
from tests.lab.study.arms import TWO_ARMS

PROTOCOL = scales.StudyProtocol(candidates=8, sentences=40, truth_sentences=4, directions=1)


def least():
    return tiny(contrast={"examples": 32})


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setitem(scales.SCALES, "smoke", scales.Scale(least, PROTOCOL))


@pytest.fixture
def two_arms(monkeypatch):
    monkeypatch.setitem(STUDIES, "weighting", TWO_ARMS)


@pytest.fixture(scope="package")
def whole(tmp_path_factory):
    """A finished study of two arms and two seeds, made once."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        patch.setitem(scales.SCALES, "smoke", scales.Scale(least, PROTOCOL))
        patch.setitem(STUDIES, "weighting", TWO_ARMS)
        study("weighting", "smoke", seeds=2)
    return folder


@pytest.fixture
def studied(whole, two_arms, tmp_path, monkeypatch):
    """A copy of the finished study: what a test writes into it no other test sees."""
    folder = tmp_path / "studied"
    shutil.copytree(whole, folder)
    monkeypatch.setenv("PARALLAX_RUNS", str(folder))
    return folder
