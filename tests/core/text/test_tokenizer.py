"""The tokenizer and the ids it writes."""

import numpy as np
import pytest
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend
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
        encode_corpus(corpus, tokenizer, tmp_path / "e", 32, lambda phase, done, total: calls.append(done))
    assert len(calls) == 1
    (tmp_path / "e" / "tokens.bin").write_bytes(b"")
    assert len(encode_corpus(corpus, tokenizer, tmp_path / "e", 32).row(3)) > 2


def test_token_counts_add_up(encoded, tokenizer):
    counts = encoded.token_counts(tokenizer.size)
    assert counts.sum() == encoded.lengths().sum()
    assert counts[:, 0].tolist() == [400, 400, 400]


LITERAL = "the <s> one <mask> two </s> red <pad> dog <unk>"


def test_names_of_special_tokens_in_text_stay_text(tokenizer):
    (row,) = tokenizer.encode([LITERAL])
    assert (row[0], row[-1]) == (0, 2)
    assert not np.isin(row[1:-1], [0, 1, 2, tokenizer.mask_id]).any()


def test_they_stay_text_in_a_unigram_tokenizer_as_of_xlmr(tmp_path):
    pieces = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [(piece, -3.0) for piece in ("▁", *"abcdefghijklmnopqrstuvwxyz<>/", "▁dog")]
    backend = Backend(models.Unigram(pieces, 3, False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    backend.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    backend.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    literal, plain = tokenizer.encode([LITERAL, "the dog"])
    assert not np.isin(literal[1:-1], [0, 1, 2, 3, tokenizer.mask_id]).any()
    assert tokenizer.decode(literal) == LITERAL
    assert "▁dog" in tokenizer.tokens(plain)


RARE = ["می‌خواهم", "👩‍👧 und 🦊", "क्‍ष", "漢字", "<0xE2> stays text", "a\u00adb"]


@pytest.mark.parametrize("text", RARE)
def test_characters_that_training_has_not_met_survive_as_bytes(text):
    tokenizer = train_tokenizer(["one und two", "three dogs"] * 9, 60, byte_fallback=True)
    (row,) = tokenizer.encode([text])
    assert tokenizer.decode(row) == text
    assert 3 not in row
    assert tokenizer.unseen(row).any()
    assert not tokenizer.unseen(tokenizer.encode(["two dogs"])[0]).any()


def test_bytes_change_no_other_token_and_stand_behind_the_mask():
    texts = ["abc with you", "bcd with us", "他喝水。", "我们喝水。"] * 9
    plain, fallback = train_tokenizer(texts, 40), train_tokenizer(texts, 40, byte_fallback=True)
    assert fallback.mask_id == plain.mask_id
    assert fallback.tokens(range(plain.size)) == plain.tokens(range(plain.size))
    assert fallback.size == plain.size + 256
    for ours, theirs in zip(plain.encode(texts), fallback.encode(texts), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bytes_survive_a_file_and_open_in_transformers(tmp_path):
    tokenizer = train_tokenizer(["one und two"] * 9, 60, byte_fallback=True)
    tokenizer.save(tmp_path)
    row = tokenizer.encode(["one 🦊"])[0].tolist()
    assert load_tokenizer(tmp_path).encode(["one 🦊"])[0].tolist() == row
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path)("one 🦊")["input_ids"] == row
