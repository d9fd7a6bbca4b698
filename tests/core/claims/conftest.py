"""The text of the claims, written once."""

import pytest

from tests.core.training import write_text


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where `text` was written."""
    return tmp_path_factory.mktemp("text")


@pytest.fixture(scope="session")
def text(folder):
    """300 meanings, encoded, and the tokenizer."""
    return write_text(folder)
