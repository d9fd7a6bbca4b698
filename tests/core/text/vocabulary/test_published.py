"""Tokenizers of other families than XLM-R's are read as they cut text, for measuring."""

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from core.errors import InputError
from core.text.tokenizer import train_tokenizer
from core.text.vocabulary.published import open_published

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "قالت القطة شيئا", "猫坐在垫子上"]


@pytest.fixture
def wordpiece(tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "d", "##a", "##m"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Backend(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece()
    backend.save(str(tmp_path / "tokenizer.json"))
    return open_published(str(tmp_path))


@pytest.fixture
def byte_level(tmp_path):
    backend = Backend(models.BPE())
    backend.pre_tokenizer, backend.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(TEXTS[:2], trainer)
    backend.save(str(tmp_path / "gpt.json"))
    return open_published(str(tmp_path / "gpt.json"))


def kinds(tokenizer, text):
    (ids,) = tokenizer.encode([text])
    return tokenizer.kinds(ids)


def test_a_tokenizer_with_other_special_tokens_than_xlm_rs_is_read(wordpiece):
    (ids,) = wordpiece.encode(["the cat"])
    assert wordpiece.decode(ids) == "the cat"
    assert wordpiece.keeps("the cat", ids)


def test_a_tokenizer_that_lowers_letters_loses_text(wordpiece):
    (ids,) = wordpiece.encode(["The CAT"])
    assert not wordpiece.keeps("The CAT", ids)


def test_a_character_without_a_piece_is_unknown(wordpiece):
    assert kinds(wordpiece, "猫") == ["unknown"]


def test_a_continuing_letter_is_one_character(wordpiece):
    assert kinds(wordpiece, "dam") == ["character"] * 3


def test_parts_of_a_character_are_bytes_and_whole_ones_are_characters(byte_level):
    assert kinds(byte_level, "猫") == ["byte"] * 3
    assert kinds(byte_level, "x") == ["character"]


def test_a_whole_word_is_a_piece_and_comes_back(byte_level):
    (ids,) = byte_level.encode([" the"])
    assert byte_level.kinds(ids) == ["piece"]
    assert byte_level.decode(ids) == " the"


def test_a_tokenizer_of_a_run_counts_its_bytes(tmp_path):
    train_tokenizer(TEXTS, 120, byte_fallback=True).save(tmp_path)
    tokenizer = open_published(str(tmp_path))
    assert kinds(tokenizer, "the ŋ")[-2:] == ["byte", "byte"]
    assert "unknown" not in kinds(tokenizer, "the ŋ")


def test_names_of_special_tokens_in_a_text_stay_text(tmp_path):
    train_tokenizer([*TEXTS, "<s> </s> < / s >"], 120).save(tmp_path)
    tokenizer = open_published(str(tmp_path))
    (ids,) = tokenizer.encode(["the <s> cat"])
    assert tokenizer.keeps("the <s> cat", ids)
    assert 0 not in ids


def test_a_long_text_is_not_cut(tmp_path):
    backend = Backend(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.enable_truncation(4)
    backend.save(str(tmp_path / "tokenizer.json"))
    (ids,) = open_published(str(tmp_path)).encode(["a " * 50])
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "expected tokenizer.json or sentencepiece.bpe.model"),
        ("damaged", "is no tokenizer"),
    ],
)
def test_what_is_no_tokenizer_is_refused_in_one_line(tmp_path, name, message):
    (tmp_path / name).mkdir()
    if name == "damaged":
        (tmp_path / name / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=message):
        open_published(str(tmp_path / name))
