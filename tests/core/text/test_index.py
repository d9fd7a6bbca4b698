"""Indexes of a corpus against a whole copy of it in memory."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TextSettings
from core.text import index as module
from core.text.encoded import EncodedCorpus, EncodedWriter
from core.text.index import Index, write_index
from core.text.sampling import split

LANGUAGES = 3
TABLES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, LANGUAGES - 1)), min_size=1, max_size=60)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """So small that a few sentences take many of them."""
    monkeypatch.setattr(module, "PIECE", 4)


def indexed(folder, table):
    """An index of a table of (meaning, language), and its two columns."""
    meaning, language = (np.array(column, dtype=np.int64) for column in zip(*table, strict=True))
    write_index(folder, meaning, language, LANGUAGES)
    return Index(folder, len(table)), meaning, language


@settings(max_examples=200, deadline=None)
@given(table=TABLES, in_order=st.booleans())
def test_an_index_finds_what_the_whole_table_shows(table, in_order, tmp_path_factory):
    table = sorted(table) if in_order else table
    found, meaning, language = indexed(tmp_path_factory.mktemp("index") / "index", table)

    distinct = np.unique(meaning)
    np.testing.assert_array_equal(found.meanings, distinct)
    told = [len({spoken for told, spoken in table if told == one}) for one in distinct]
    np.testing.assert_array_equal(found.told_in, told)
    asked = distinct[::2]
    for number in range(LANGUAGES):
        own = np.flatnonzero(language == number)
        np.testing.assert_array_equal(found.rows[number], own)
        told = own[np.isin(meaning[own], asked)]
        np.testing.assert_array_equal(np.sort(found.rows_of(number, asked)), told)
    for first, second in itertools.combinations(range(LANGUAGES), 2):
        own, other = (np.flatnonzero(language == number) for number in (first, second))
        _, a, b = np.intersect1d(meaning[own], meaning[other], return_indices=True)
        expected = np.stack([own[a], other[b]], axis=1)
        # written by the first call, read by the second; all pairs, and those with either pivot
        for pivot in (None, None, first, second):
            np.testing.assert_array_equal(found.translations(pivot)[first, second], expected)
    assert set(found.translations(1)) == {(0, 1), (1, 2)}


@settings(max_examples=100, deadline=None)
@given(
    table=TABLES.filter(lambda table: len({meaning for meaning, _ in table}) >= 5), seed=st.integers(0, 99)
)
def test_a_split_keeps_all_but_the_meanings_held_out(table, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoded") / "encoded"
    with EncodedWriter(folder, ("de", "en", "fr")) as writer:
        for meaning, language in table:
            writer.add(np.array([0, 2]), np.array([2]), np.array([meaning]), np.array([language]))
    corpus = EncodedCorpus(folder)
    found = split(corpus, TextSettings(held_out=2, pivot=None), seed, needs_pairs=False)

    meaning, language = np.asarray(corpus.meaning), np.asarray(corpus.language)
    told = {one: len(set(language[meaning == one])) for one in np.unique(meaning)}
    assert len(found.held_out) == min(2, len(told) // 5)
    most = sorted(told.values(), reverse=True)[: len(found.held_out)]
    assert sorted((told[one] for one in found.held_out), reverse=True) == most
    for number, singles in enumerate(found.singles):
        expected = np.flatnonzero((language == number) & ~np.isin(meaning, found.held_out))
        np.testing.assert_array_equal(singles[np.arange(len(singles))], expected)
    kept = {(pair.first, pair.second): pair.rows for pair in found.pairs}
    for both in itertools.combinations(range(LANGUAGES), 2):
        rows = corpus.index.translations(None)[both]
        expected = rows[~np.isin(meaning[rows[:, 0]], found.held_out)]
        assert (both in kept) == bool(len(expected))
        if both in kept:
            np.testing.assert_array_equal(kept[both][np.arange(len(kept[both]))], expected)


def test_translations_that_could_not_be_written_are_written_the_next_time(tmp_path, monkeypatch):
    found, _, _ = indexed(tmp_path / "index", [(0, 0), (0, 1), (1, 0), (1, 1)])
    before = sorted(os.listdir(tmp_path / "index"))

    def full(self, first, second):
        yield np.zeros((1, 2))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Index, "_translations", full)
        with pytest.raises(OSError, match="No space"):
            found.translations(None)
    assert sorted(os.listdir(tmp_path / "index")) == before
    np.testing.assert_array_equal(found.translations(None)[0, 1], [[0, 1], [2, 3]])


def test_an_index_that_lacks_sentences_is_refused(tmp_path):
    indexed(tmp_path / "index", [(0, 0), (0, 1), (1, 2)])
    with pytest.raises(ValueError, match="does not index 4 sentences"):
        Index(tmp_path / "index", 4)
    rows = tmp_path / "index" / "rows.bin"
    rows.write_bytes(rows.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"greater than file size"):
        Index(tmp_path / "index", 3)
    rows.unlink()
    with pytest.raises(FileNotFoundError):
        Index(tmp_path / "index", 3)


def test_a_hundred_languages_take_few_file_descriptors(tmp_path):
    folder, count = tmp_path / "encoded", 100
    with EncodedWriter(folder, tuple(f"l{number:02}" for number in range(count))) as writer:
        for number in range(count):
            lengths, meanings = np.full(6, 2), np.arange(6)
            writer.add(np.tile([0, 2], 6), lengths, meanings, np.full(6, number))
    descriptors = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    before = len(os.listdir(descriptors))
    corpus = EncodedCorpus(folder)
    found = split(corpus, TextSettings(held_out=1, pivot=None), 0, needs_pairs=True)
    assert len(found.pairs) == count * (count - 1) // 2
    assert {len(pair.rows) for pair in found.pairs} == {5}
    assert len(os.listdir(descriptors)) - before < 20
