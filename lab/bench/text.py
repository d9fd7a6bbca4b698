"""The text of a benchmark: a corpus, or synthetic sentences with lengths and token frequencies of real text."""

from pathlib import Path
from typing import Final

import numpy as np

from core.config import Settings, TokenizerSettings
from core.text.corpus import open_corpus
from core.text.encoded import EncodedCorpus, EncodedWriter, encode_corpus
from core.text.tokenizer import BOS, EOS, UNK
from lab.text import corpus_tokenizer

VOCABULARY: Final = 16_000
LANGUAGES: Final = ("cs", "de", "en", "fr")
MEAN: Final = 14.4
SPREAD: Final = 0.36
SHARED: Final = 0.31
"""Tokens of a caption of Multi30k without `<s>` and `</s>`: mean, standard deviation of the logarithm, and standard
deviation of the part of the logarithm that translations share."""
MEANINGS: Final = 50_000


def prepare_text(folder: Path, corpus: Path | None) -> str:
    """Encodes a corpus into `folder` with a tokenizer of 16,000 tokens trained on it; returns a description.

    Without a corpus it writes `synthetic_text`.
    """
    if corpus is None:
        synthetic_text(folder, len(LANGUAGES) * MEANINGS)
        source = "synthetic tokens by Zipf's law, as long as the captions of Multi30k, in four languages"
    else:
        opened = open_corpus(corpus)
        tokenizer = corpus_tokenizer(opened, Settings(tokenizer=TokenizerSettings(vocabulary=VOCABULARY)))
        encode_corpus(opened, tokenizer, folder, max_tokens=512)
        source = (
            f"{opened.info.source or corpus.name}, {opened.info.sentences:,} sentences in "
            f"{' '.join(opened.languages)}"
        )
    lengths = EncodedCorpus(folder).lengths() - 2
    return f"{source}; {lengths.mean():.1f} tokens a sentence, standard deviation {lengths.std():.1f}"


def synthetic_text(
    folder: Path,
    sentences: int,
    vocabulary: int = VOCABULARY,
    seed: int = 0,
    languages: tuple[str, ...] = LANGUAGES,
) -> None:
    """Writes encoded text, fully parallel: log-normal lengths that translations share in part, Zipf tokens.

    The text is written piece by piece: ten million sentences need no more memory than a hundred thousand.
    """
    rng, tongues = np.random.default_rng(seed), len(languages)
    with EncodedWriter(folder, languages) as writer:
        for begin in range(0, sentences, tongues * MEANINGS):
            numbers = np.arange(begin, min(sentences, begin + tongues * MEANINGS))
            shared = np.repeat(rng.normal(0, SHARED, -(-len(numbers) // tongues)), tongues)[: len(numbers)]
            private = rng.normal(0, np.sqrt(SPREAD**2 - SHARED**2), len(numbers))
            words = np.exp(np.log(MEAN) - SPREAD**2 / 2 + shared + private).round().clip(1, 100)
            lengths = words.astype(np.int64) + 2
            ends = np.cumsum(lengths)
            # rank r of Zipf's law with exponent 1, by inversion; the last id is <mask>
            ids = (UNK + np.floor((vocabulary - 1 - UNK) ** rng.random(int(ends[-1])))).astype(np.int32)
            ids[ends - 1] = EOS
            ids[ends - lengths] = BOS
            writer.add(ids, lengths, numbers // tongues, numbers % tongues)
