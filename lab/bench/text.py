"""The text of a benchmark: a corpus, or tokens that are as long and as frequent as those of real text."""

from pathlib import Path
from typing import Final

import numpy as np

from core.config import Settings, TokenizerSettings
from core.text.corpus import open_corpus
from core.text.encoded import EncodedCorpus, EncodedInfo, encode_corpus
from core.text.tokenizer import BOS, EOS, UNK
from lab.text import corpus_tokenizer

VOCABULARY: Final = 16_000
LANGUAGES: Final = ("cs", "de", "en", "fr")
MEAN: Final = 14.4
SPREAD: Final = 0.36
SHARED: Final = 0.31
"""Tokens of a caption of Multi30k without `<s>` and `</s>`: their mean, the standard deviation of their logarithm,
and that of the part which translations share."""
MEANINGS: Final = 50_000


def prepare_text(folder: Path, corpus: Path | None) -> str:
    """Encodes a corpus folder into `folder`, with a tokenizer of 16,000 tokens trained on it; says what text it is.

    Without a corpus: `synthetic_text`.
    """
    if corpus is None:
        synthetic_text(folder, len(LANGUAGES) * MEANINGS)
        told = "synthetic tokens by Zipf's law, as long as the captions of Multi30k, in four languages"
    else:
        opened = open_corpus(corpus)
        tokenizer = corpus_tokenizer(opened, Settings(tokenizer=TokenizerSettings(vocabulary=VOCABULARY)))
        encode_corpus(opened, tokenizer, folder, max_tokens=512)
        told = (
            f"{opened.info.source or corpus.name}, {opened.info.sentences:,} sentences in "
            f"{' '.join(opened.languages)}"
        )
    lengths = EncodedCorpus(folder).lengths() - 2
    return f"{told}; {lengths.mean():.1f} tokens a sentence, standard deviation {lengths.std():.1f}"


def synthetic_text(folder: Path, sentences: int, vocabulary: int = VOCABULARY, seed: int = 0) -> None:
    """Encoded text in four languages, all parallel: log-normal lengths that translations share in part, Zipf tokens.

    Written piece by piece: ten million sentences need no more memory than a hundred thousand.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    tongues, end = len(LANGUAGES), 0
    offsets = np.lib.format.open_memmap(folder / "offsets.npy", "w+", np.int64, (sentences + 1,))
    with (folder / "tokens.bin").open("wb") as file:
        for begin in range(0, sentences, tongues * MEANINGS):
            count = min(tongues * MEANINGS, sentences - begin)
            shared = np.repeat(rng.normal(0, SHARED, -(-count // tongues)), tongues)[:count]
            logs = (
                np.log(MEAN) - SPREAD**2 / 2 + shared + rng.normal(0, np.sqrt(SPREAD**2 - SHARED**2), count)
            )
            ends = np.cumsum(np.exp(logs).round().clip(1, 100).astype(np.int64) + 2)
            # rank r of Zipf's law with exponent 1, by inversion; the last id is <mask>
            ids = (UNK + np.floor((vocabulary - 1 - UNK) ** rng.random(int(ends[-1])))).astype(np.int32)
            ids[ends - 1] = EOS
            ids[np.concatenate([[0], ends[:-1]])] = BOS
            ids.tofile(file)
            offsets[begin + 1 : begin + count + 1] = end + ends
            end += int(ends[-1])
    offsets.flush()
    numbers = np.arange(sentences)
    np.save(folder / "meaning.npy", numbers // tongues)
    np.save(folder / "language.npy", (numbers % tongues).astype(np.int16))
    info = EncodedInfo(languages=LANGUAGES, tokens=end, sentences=sentences)
    (folder / "encoded.json").write_text(info.model_dump_json(), encoding="utf-8")
