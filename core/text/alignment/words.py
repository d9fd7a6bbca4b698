"""Words of a sentence as the aligner reads them."""

import re
from functools import cache
from typing import Final

from tokenizers import pre_tokenizers
from tokenizers.normalizers import NFC, BertNormalizer, Normalizer
from tokenizers.normalizers import Sequence as NormalizerSequence

UNSPACED: Final = re.compile(r"([\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF])")
"""Letters of Thai, Lao, Burmese and Khmer, which write no space between words."""


def split_words(text: str) -> list[str]:
    """Words in lower case, punctuation apart; characters of Chinese, kanji, Thai, Lao, Burmese and Khmer apart.

    >>> split_words("Don't go!"), split_words("我喜欢茶。")
    (['don', "'", 't', 'go', '!'], ['我', '喜', '欢', '茶', '。'])
    """
    spaced = UNSPACED.sub(r" \1 ", _normaliser().normalize_str(text))
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(spaced)]


@cache
def _normaliser() -> Normalizer:
    marks = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True)
    return NormalizerSequence([NFC(), marks])
