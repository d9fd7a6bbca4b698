"""Words of a sentence as the aligner reads them."""

import re
from functools import cache
from typing import Final

import numpy as np
from tokenizers import PreTokenizedString, Regex, pre_tokenizers
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


def words_in(text: str, start: int, end: int) -> list[int]:
    """The places of the words of `split_words(text)` that characters `start` to `end` belong to.

    Counted in letters after normalisation, because lower case and composed letters change their number.

    >>> words_in("Two red chairs", 4, 7), words_in("Two red chairs", 3, 4)
    ([1], [])
    """
    begin, stop = (len("".join(split_words(text[:at]))) for at in (start, end))
    ends = np.cumsum([len(word) for word in split_words(text)])
    starts = np.append(0, ends[:-1])
    return np.flatnonzero((starts < stop) & (ends > begin)).tolist()


def word_spans(text: str) -> list[tuple[int, int]]:
    """The characters of the text, from and to, that each word of `split_words(text)` stands for.

    >>> word_spans("Two red chairs"), word_spans("茶。")
    ([(0, 3), (4, 7), (8, 14)], [(0, 1), (1, 2)])
    """
    normalised = PreTokenizedString(text)
    normalised.normalize(_normaliser().normalize)
    for part in (
        pre_tokenizers.Split(Regex(UNSPACED.pattern), "isolated"),
        pre_tokenizers.BertPreTokenizer(),
    ):
        part.pre_tokenize(normalised)
    return [span for _, span, _ in normalised.get_splits("original", "char")]


@cache
def _normaliser() -> Normalizer:
    marks = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True)
    return NormalizerSequence([NFC(), marks])
