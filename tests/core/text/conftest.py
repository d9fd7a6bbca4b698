"""A small parallel corpus, encoded."""

import numpy as np
import pytest

from core.text.corpus import write_corpus
from core.text.encoded import encode_corpus
from core.text.tokenizer import train_tokenizer

WORDS = {
    "en": "one two red blue dog cat runs sleeps",
    "fr": "un deux rouge bleu chien chat court dort",
    "zh": "一 二 红 蓝 狗 猫 跑 睡",
}


def sentences(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    for meaning in range(count):
        numbers = rng.integers(0, 8, rng.integers(2, 9))
        for tag, words in WORDS.items():
            listed = words.split()
            yield meaning, tag, ("" if tag == "zh" else " ").join(listed[i] for i in numbers)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return write_corpus(sentences(400), tmp_path_factory.mktemp("corpus") / "c")


@pytest.fixture(scope="session")
def tokenizer(corpus):
    return train_tokenizer((row.text for row in corpus.rows()), 80)


@pytest.fixture(scope="session")
def encoded(corpus, tokenizer, tmp_path_factory):
    return encode_corpus(corpus, tokenizer, tmp_path_factory.mktemp("encoded") / "e", 32)
