"""Meanings that share a text are one."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text import arrays, identity
from core.text.corpus import write_corpus
from core.text.encoded import encode_corpus
from core.text.identity import text_hashes
from core.text.index import Index
from core.text.indexing import write_index
from tests.real_shape import real_shape_corpus

ROWS = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 2), st.sampled_from("abcdefghijklm")),
    min_size=1,
    max_size=60,
)


def components(rows):
    """The smallest meaning that is linked with each, by colouring the graph of shared texts until nothing changes."""
    smallest = {meaning: meaning for meaning, _, _ in rows}
    changed = True
    while changed:
        changed = False
        for meaning, _, text in rows:
            for neighbour, _, same in rows:
                if text == same and smallest[neighbour] < smallest[meaning]:
                    smallest[meaning], changed = smallest[neighbour], True
            for neighbour, _, _ in rows:
                if neighbour == meaning and smallest[neighbour] < smallest[meaning]:
                    smallest[meaning], changed = smallest[neighbour], True
    return smallest


def indexed(folder, rows):
    meaning, language = (np.array([row[column] for row in rows], dtype=np.int64) for column in (0, 1))
    write_index(folder, meaning, language, 3, text_hashes([text for *_, text in rows]))
    return Index(folder, len(rows))


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, bucket=st.sampled_from([2, 5, 1_000]))
def test_a_component_holds_the_meanings_that_share_texts_directly_or_over_others(
    rows, bucket, tmp_path_factory
):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(identity, "BUCKET", bucket)
        patched.setattr(arrays, "CHUNK_ROWS", 4)
        index = indexed(tmp_path_factory.mktemp("index") / "index", rows)
        expected = components(rows)
        smallest = dict(
            zip(index.meanings.tolist(), index.components_of(index.meanings).tolist(), strict=True)
        )
        assert smallest == expected
        assert index.num_merged == len(expected) - len(set(expected.values()))
        for position, component in enumerate(index.component.tolist()):
            if position == component:
                members = index.meanings[index.members(component)].tolist()
                assert members == sorted(m for m in expected if expected[m] == index.meanings[component])


@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_the_meanings_of_a_component_belong_to_one_stratum_that_has_all_their_languages(
    rows, tmp_path_factory
):
    index = indexed(tmp_path_factory.mktemp("index") / "index", rows)
    expected, strata = components(rows), index.strata
    for position, meaning in enumerate(index.meanings.tolist()):
        members = {linked for linked in expected if expected[linked] == expected[meaning]}
        languages = {language for linked, language, _ in rows if linked in members}
        number = strata.numbers[position]
        assert set(strata.languages(int(number)).tolist()) == languages
        told_in = [{language for linked, language, _ in rows if linked == member} for member in members]
        assert strata.translated[number] == any(len(languages) > 1 for languages in told_in)


def test_equal_texts_of_any_form_and_language_make_one_meaning(tokenizer, tmp_path):
    twin = unicodedata.normalize("NFD", "chien café")
    rows = [
        (0, "en", "red dog"), (0, "fr", "chien café"),
        (1, "en", "blue dog"), (1, "fr", twin),
        (2, "en", "cat"), (2, "fr", "chat"),
        # an untranslated copy
        (3, "fr", "cat"), (3, "zh", "猫"),
        # in capitals it is another text
        (4, "en", "Red dog"),
    ]  # fmt: skip
    corpus = encode_corpus(write_corpus(rows, tmp_path / "c"), tokenizer, tmp_path / "e", 16)
    assert corpus.components_of(np.arange(9)).tolist() == [0, 0, 0, 0, 2, 2, 2, 2, 4]
    assert corpus.index.num_merged == 2


def test_text_of_real_shape_has_as_many_components_as_a_dictionary_of_its_texts_shows(tokenizer, tmp_path):
    corpus = real_shape_corpus(tmp_path / "c", scale=0.02)
    encoded = encode_corpus(corpus, tokenizer, tmp_path / "e", 16)
    smallest: dict[int, int] = {}

    def root(meaning):
        while smallest.setdefault(meaning, meaning) != meaning:
            meaning = smallest[meaning]
        return meaning

    by_text: dict[str, int] = {}
    rows = list(corpus.rows())
    for row in rows:
        low, high = sorted((root(row.meaning), root(by_text.setdefault(row.text, row.meaning))))
        smallest[high] = low
    expected = [root(row.meaning) for row in rows]
    assert encoded.components_of(np.arange(len(rows))).tolist() == expected
    assert encoded.index.num_merged == len({row.meaning for row in rows}) - len(set(expected)) > 10


def test_ids_of_an_older_version_are_written_again(corpus, tokenizer, tmp_path):
    folder = tmp_path / "e"
    encode_corpus(corpus, tokenizer, folder, 32)
    info = json.loads((folder / "encoded.json").read_bytes())
    del info["format"]
    (folder / "encoded.json").write_text(json.dumps(info), encoding="utf-8")
    # what an older version understood otherwise
    (folder / "index" / "component.bin").write_bytes(b"")
    again = encode_corpus(corpus, tokenizer, folder, 32)
    assert len(again.index.component) == len(again.index.meanings) == 400


def test_a_mixed_example_is_the_set_of_its_two_meanings(tokenizer, tmp_path):
    rows = [(number, tag, f"{word} {tag}") for number, word in enumerate("abcd") for tag in ("en", "fr")]
    # meaning 9 shares a text with meaning 1
    rows += [(9, "en", "b en"), (9, "fr", "another")]
    corpus = encode_corpus(write_corpus(rows, tmp_path / "c"), tokenizer, tmp_path / "e", 16)
    number = dict(zip([0, 1, 2, 3, 9], range(0, 10, 2), strict=True))
    sets = [(0, 1), (1, 0), (0, 9), (0, 2), (1, 2), (2, 1), (2, 9), (3, 3), (1, 9)]
    codes = corpus.identities(np.array([[number[a], number[b]] for a, b in sets])).tolist()
    meant = [frozenset(1 if member == 9 else member for member in pair) for pair in sets]
    assert [[a == b for b in codes] for a in codes] == [[a == b for b in meant] for a in meant]
    assert corpus.identities(np.array([[number[9]], [number[3]]])).tolist() == [1, 3]
