"""Indexes of a corpus against a whole copy of it in memory."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TextSettings
from core.text import arrays, translations
from core.text.encoded import EncodedCorpus, EncodedWriter
from core.text.index import Index
from core.text.indexing import write_index
from core.text.split import split

LANGUAGES = 3
TABLES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, LANGUAGES - 1)), min_size=1, max_size=60)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """So small that a few sentences take many of them."""
    monkeypatch.setattr(arrays, "CHUNK_ROWS", 4)


def indexed(folder, table):
    """An index of a table of (meaning, language), and its two columns."""
    meaning, language = (np.array(column, dtype=np.int64) for column in zip(*table, strict=True))
    write_index(folder, meaning, language, LANGUAGES)
    return Index(folder, len(table)), meaning, language


def translations_of(meaning, language, source, target):
    """[n, 2], the first sentences of both for each meaning that both have, from the whole table."""
    rows, others = (np.flatnonzero(language == number) for number in (source, target))
    _, a, b = np.intersect1d(meaning[rows], meaning[others], return_indices=True)
    return np.stack([rows[a], others[b]], axis=1)


@settings(max_examples=100, deadline=None)
@given(table=TABLES, in_order=st.booleans())
def test_an_index_finds_what_the_whole_table_shows(table, in_order, tmp_path_factory):
    table = sorted(table) if in_order else table
    index, meaning, language = indexed(tmp_path_factory.mktemp("index") / "index", table)

    distinct = np.unique(meaning)
    np.testing.assert_array_equal(index.meanings, distinct)
    wanted = distinct[::2]
    for number in range(LANGUAGES):
        rows = np.flatnonzero(language == number)
        np.testing.assert_array_equal(index.rows[number], rows)
        telling = rows[np.isin(meaning[rows], wanted)]
        np.testing.assert_array_equal(np.sort(index.rows_of(number, wanted)), telling)
        counts = [(meaning[rows] == value).sum() for value in wanted]
        np.testing.assert_array_equal(index.counts_of(number, wanted), counts)
    # written by the first call, read by the second; all pairs, and those with a pivot
    for pivot in (None, None, 0, 2):
        table_of_pairs = index.translations(pivot)
        ends = zip(table_of_pairs.bounds, table_of_pairs.bounds[1:], strict=False)
        by_pair = dict(zip(map(tuple, table_of_pairs.languages.tolist()), ends, strict=True))
        assert list(by_pair) == sorted(by_pair)
        for pair in itertools.combinations(range(LANGUAGES), 2):
            expected = translations_of(meaning, language, *pair)
            if len(expected) and (pivot is None or pivot in pair):
                begin, end = by_pair.pop(pair)
                np.testing.assert_array_equal(table_of_pairs.rows[begin:end], expected)
        assert not by_pair


@settings(max_examples=50, deadline=None)
@given(table=TABLES)
def test_a_stratum_is_a_set_of_languages(table, tmp_path_factory):
    index, meaning, language = indexed(tmp_path_factory.mktemp("index") / "index", table)
    strata = index.strata
    sets = [set(strata.languages(number).tolist()) for number in range(len(strata))]
    described = [
        (translated, frozenset(languages))
        for translated, languages in zip(strata.translated, sets, strict=True)
    ]
    assert len(set(described)) == len(described)
    for value, number in zip(index.meanings, strata.numbers, strict=True):
        assert sets[number] == set(language[meaning == value].tolist())
        assert strata.translated[number] == (len(sets[number]) > 1)
    np.testing.assert_array_equal(strata.sizes(), np.bincount(strata.numbers, minlength=len(strata)))


def test_translations_that_could_not_be_written_are_written_the_next_time(tmp_path, monkeypatch):
    index, _, _ = indexed(tmp_path / "index", [(0, 0), (0, 1), (1, 0), (1, 1)])
    before = sorted(os.listdir(tmp_path / "index"))

    def full(source, target):
        yield np.zeros((1, 2))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(translations, "_shared", full)
        with pytest.raises(OSError, match="No space"):
            index.translations(None)
    assert sorted(os.listdir(tmp_path / "index")) == before
    np.testing.assert_array_equal(index.translations(None).rows, [[0, 1], [2, 3]])


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
            lengths, meanings = np.full(12, 2), np.arange(12)
            writer.add(np.tile([0, 2], 12), lengths, meanings, np.full(12, number))
    descriptors = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    before = len(os.listdir(descriptors))
    corpus = EncodedCorpus(folder)
    parts = split(corpus, TextSettings(held_out=2, pivot=None), 0, needs_pairs=True)
    assert len(parts.pairs) == count * (count - 1) // 2
    assert set(parts.pairs.sizes.tolist()) == {10}
    assert len(os.listdir(descriptors)) - before < 20
