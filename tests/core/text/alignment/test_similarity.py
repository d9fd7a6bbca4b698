"""Links of similarities: against loops as Jalili Sabet et al. 2020 write them; words of tokens by their characters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.text.alignment.similarity import argmax_links, itermax_links, transported, word_links
from core.text.alignment.words import split_words, word_spans, words_in
from core.text.tokenizer import train_tokenizer
from tests import oracles
from tests.hostile import SENTENCES

MATRICES = st.tuples(st.integers(0, 6), st.integers(0, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0.01, 1), unique=True)
)


@given(MATRICES)
def test_links_are_those_of_loops_over_cells(similarity):
    assert argmax_links(similarity) == oracles.mutual_best(similarity.tolist())
    assert itermax_links(similarity) == oracles.itermax(similarity.tolist())


@given(MATRICES)
def test_swapping_the_sides_swaps_the_links(similarity):
    for extract in (argmax_links, itermax_links):
        assert extract(similarity.T) == {(j, i) for i, j in extract(similarity)}


@given(MATRICES)
def test_itermax_adds_links_to_those_of_argmax_and_links_no_two_linked_tokens(similarity):
    mutual, more = argmax_links(similarity), itermax_links(similarity)
    assert mutual <= more
    sources, targets = {i for i, _ in mutual}, {j for _, j in mutual}
    assert not [(i, j) for i, j in more - mutual if i in sources and j in targets]


@given(arrays(np.float64, (3, 4), elements=st.floats(-1, 1)))
def test_a_plan_is_that_of_loops_over_columns_and_rows_and_gives_each_source_token_the_mass_one(similarity):
    plan = transported(similarity)
    assert plan == pytest.approx(np.array(oracles.transport(similarity.tolist())), rel=1e-12)
    assert plan.sum(1) == pytest.approx(np.ones(3))


def test_words_are_linked_where_any_of_their_tokens_are():
    assert word_links(frozenset({(0, 0), (1, 0), (2, 1)}), [[0], [0], [1, 2]], [[0], [3]]) == {
        (0, 0),
        (1, 3),
        (2, 3),
    }


@given(st.text())
def test_spans_are_those_of_the_words_in_order(text):
    spans = word_spans(text)
    assert len(spans) == len(split_words(text))
    assert all(0 <= begin < end <= len(text) for begin, end in spans)
    assert spans == sorted(spans)


def test_the_characters_of_a_word_belong_to_that_word_alone():
    text = "Don't count 25 ไทย words, 我喜欢茶 E\u0301te\u0301 İstanbul."
    for at, span in enumerate(word_spans(text)):
        assert words_in(text, *span) == [at]


def test_tokens_stand_for_characters_in_order_and_for_the_whole_text():
    tokenizer = train_tokenizer([*SENTENCES, "plain words", "我喜欢茶"], 500, byte_fallback=True)
    texts = [*SENTENCES, "unmet ☃ signs", "", "a <mask> and </s> in text"]
    for text, spans, ids in zip(texts, tokenizer.spans(texts), tokenizer.encode(texts), strict=True):
        assert len(spans) == len(ids)
        assert spans[0] == (0, 0)
        assert spans[-1] == (len(text), len(text))
        covered = {at for begin, end in spans for at in range(begin, end)}
        assert {at for at, letter in enumerate(text) if letter.isalnum()} <= covered
        assert spans == sorted(spans)
