"""The tokenizer of someone else's checkpoint."""

import pytest
import sentencepiece

from core.errors import InputError
from core.text.pretrained import open_tokenizer
from tests.core.checkpoints import foreign
from tests.core.text.conftest import sentences


def test_the_tokenizer_beside_the_weights_is_taken_as_it_is(tmp_path):
    folder, _, tokenizer = foreign(tmp_path)
    text = ["one  red\tdog", "ﬁne Ⅳ", "一红狗"]
    rows = [row.tolist() for row in open_tokenizer(str(folder)).encode(text)]
    assert rows == [row.tolist() for row in tokenizer.encode(text)]


def test_the_sentencepiece_model_of_older_checkpoints_is_read_as_xlmr_reads_it(tmp_path):
    texts = [text for _, _, text in sentences(300)]
    prefix = tmp_path / "sentencepiece.bpe"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(prefix), vocab_size=80, minloglevel=2
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    tokenizer = open_tokenizer(str(tmp_path))
    # XLM-R's ids are sentencepiece's plus one, <s> and </s> around, and <mask> behind the last
    for text in texts[:50]:
        assert tokenizer.encode([text])[0].tolist() == [0, *(1 + i for i in pieces.encode(text)), 2]
    assert (tokenizer.size, tokenizer.mask_id) == (82, 81)


def test_a_checkpoint_without_a_tokenizer_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"found neither: it is an empty folder.*set tokenizer\.folder"):
        open_tokenizer(str(tmp_path))
