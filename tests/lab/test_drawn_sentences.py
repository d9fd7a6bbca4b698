"""Sentences that are drawn from a corpus of any size: which, and how much is held meanwhile."""

import tracemalloc

import numpy as np
import pytest

from core.text.corpus import write_corpus
from lab.text import all_sentences, drawn_sentences
from tests.real_shape import real_shape_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return real_shape_corpus(tmp_path_factory.mktemp("drawn") / "real", 0.02)


def test_of_each_language_all_or_so_many_meanings_are_drawn_and_with_them_their_translations(corpus):
    everything, most = all_sentences(corpus), 10
    drawn = drawn_sentences(corpus, most)
    amounts = everything.groupby("language")["meaning"].nunique()
    assert (drawn.groupby("language")["meaning"].nunique() >= np.minimum(amounts, most)).all()
    # untranslated text is drawn for itself alone
    assert (drawn["language"] == "zh").sum() == most
    whole = everything[everything["meaning"].isin(drawn["meaning"])].reset_index(drop=True)
    assert drawn.equals(whole)
    # each of twelve languages brings at most so many
    assert drawn["meaning"].nunique() <= most * len(amounts)


def test_languages_that_tell_the_same_meanings_are_drawn_in_the_same(tmp_path):
    rows = [(meaning - 50, tag, f"{tag} {meaning}") for meaning in range(200) for tag in ("en", "fr", "sw")]
    drawn = drawn_sentences(write_corpus(rows, tmp_path / "parallel"), 40)
    assert drawn["meaning"].nunique() == 40
    assert len(drawn) == 120
    others = drawn_sentences(write_corpus(rows, tmp_path / "again"), 40, seed=1)
    assert set(others["meaning"]) != set(drawn["meaning"])


def test_the_parts_in_which_a_corpus_is_read_do_not_matter(corpus, monkeypatch):
    whole = drawn_sentences(corpus, 25)
    monkeypatch.setattr("core.text.corpus.CHUNK_ROWS", 70)
    assert drawn_sentences(corpus, 25).equals(whole)


def test_what_is_held_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr("core.text.corpus.CHUNK_ROWS", 500)
    peaks = []
    for count in (2_000, 20_000):
        corpus = write_corpus(((m, "en", f"sentence {m}") for m in range(count)), tmp_path / str(count))
        tracemalloc.start()
        assert len(drawn_sentences(corpus, 100)) == 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # ten times the text: a table of its meanings alone would take 144 kB more
    assert peaks[1] - peaks[0] < 8 * 9_000
