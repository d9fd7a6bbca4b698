"""The tokenizer and the ids it writes."""

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from core.errors import InputError
from core.text.encoded import encode_corpus
from core.text.tokenizer import load_tokenizer, train_tokenizer


def test_every_sentence_starts_and_ends_once(tokenizer):
    (row,) = tokenizer.encode(["one red dog"])
    assert (row[0], row[-1]) == (0, 2)
    assert not np.isin(row[1:-1], [0, 1, 2]).any()
    assert tokenizer.decode(row) == "one red dog"


def test_long_sentences_are_cut_before_the_end_mark(tokenizer):
    (row,) = tokenizer.encode(["one red dog runs " * 20], max_tokens=8)
    assert len(row) == 8
    assert row[-1] == 2


def test_the_same_text_gives_the_same_tokenizer(corpus, tokenizer):
    again = train_tokenizer((row.text for row in corpus.rows()), 80)
    assert again.digest == tokenizer.digest


def test_it_survives_a_file_and_opens_in_transformers(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    text = "two blue cat 蓝狗"
    assert load_tokenizer(tmp_path).digest == tokenizer.digest
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert theirs(text)["input_ids"] == tokenizer.encode([text])[0].tolist()


def test_common_words_are_tokens_with_spaces_or_without():
    texts = ["abc with you", "bcd with us", "他喝水。", "我们喝水。", "你也喝水。"] * 9
    tokens = train_tokenizer(texts, 40).tokens(range(40))
    assert {"▁with", "喝水", "。"} < set(tokens)


def test_a_vocabulary_too_small_for_the_characters_is_refused():
    with pytest.raises(InputError, match=r"tokenizer\.vocabulary"):
        train_tokenizer(["abcdefghijklmnopqrstuvwxyz 一二三四五六七八九十"] * 3, 16)


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="no tokenizer"):
        load_tokenizer(tmp_path)


def test_encoded_rows_are_the_encoded_sentences(corpus, tokenizer, encoded):
    rows = list(corpus.rows())
    assert len(encoded) == len(rows)
    for index in (0, 1, 2, 500, len(rows) - 1):
        expected = tokenizer.encode([rows[index].text], 32)[0]
        np.testing.assert_array_equal(encoded.row(index), expected)
        assert encoded.languages[encoded.language[index]] == rows[index].language
        assert encoded.meaning[index] == rows[index].meaning


def test_encoding_is_done_once_and_mended_when_damaged(corpus, tokenizer, tmp_path):
    calls = []
    for _ in range(2):
        encode_corpus(corpus, tokenizer, tmp_path / "e", 32, lambda done, total: calls.append(done))
    assert len(calls) == 1
    (tmp_path / "e" / "tokens.bin").write_bytes(b"")
    assert len(encode_corpus(corpus, tokenizer, tmp_path / "e", 32).row(3)) > 2


def test_token_counts_add_up(encoded, tokenizer):
    counts = encoded.token_counts(tokenizer.size)
    assert counts.sum() == encoded.lengths().sum()
    assert counts[:, 0].tolist() == [400, 400, 400]
