"""A scale so small that a cell takes a second."""

import pytest

from lab.study import scales
from tests.lab.runs import tiny

PROTOCOL = scales.StudyProtocol(candidates=8, sentences=40, truth_sentences=4, directions=1)


def least():
    return tiny(contrast={"examples": 32})


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setitem(scales.SCALES, "smoke", scales.Scale(least, PROTOCOL))
