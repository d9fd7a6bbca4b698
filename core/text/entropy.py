"""H(token) of the tokens that a masked task predicts, the ceiling of what a context can tell of them, and how much of
it the language tells.
"""

from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.stats import entropy

from core.text.arrays import IntArray
from core.text.encoded import EncodedCorpus
from core.text.sampling import Reads, Sampler, Sentences
from core.text.tokenizer import BOS, EOS

BLOCK: Final = 2_000_000
"""Counts that are read at once."""


def token_entropy(
    corpus: EncodedCorpus, sampler: Sampler, reads: Reads, vocabulary: int, special: bool = False
) -> float:
    """Plug-in entropy in nats of a masked token, under the sampler's share of each language.

    Every ordinary token is masked with the same probability, so a language counts with its probability times the
    mean number of ordinary tokens of its sentences. Read from the whole corpus.

    Args:
        corpus: the ids.
        sampler: with the probability of each language and pair.
        reads: what the task reads.
        vocabulary: number of tokens.
        special: whether `<s>` and `</s>` are masked as well (`mask_special`).
    """
    counts, shares = corpus.token_counts(vocabulary), language_shares(corpus, sampler, reads)
    return _entropy(counts, _sentences(corpus), shares, 1 / reads.sentences_per_input, special)


def language_information(corpus: EncodedCorpus, sampler: Sampler, reads: Reads, vocabulary: int) -> float:
    """I(token; language) in nats of the ordinary tokens that a task masks: what the language alone tells of one.

    H(token) - H(token given language), plug-in, read from the whole corpus as `token_entropy` reads it. A model that
    recognises the language of a context and nothing else can show so much.
    """
    counts, sentences = corpus.token_counts(vocabulary), _sentences(corpus)
    lengths, inside = np.zeros(len(counts)), np.zeros(len(counts))
    for at, row in enumerate(counts):
        ordinary = np.array(row, dtype=np.float64)
        ordinary[: EOS + 1] = 0.0
        lengths[at] = ordinary.sum() / sentences[at]
        inside[at] = float(entropy(ordinary)) if lengths[at] else 0.0
    shares = language_shares(corpus, sampler, reads)
    weight = shares * lengths / (shares @ lengths)
    return max(0.0, _entropy(counts, sentences, shares, 1.0, False) - float(weight @ inside))


def language_shares(corpus: EncodedCorpus, sampler: Sampler, reads: Reads) -> Float[np.ndarray, " languages"]:
    """How often a task that reads so sees a sentence of each language; zeros for pairs where there are none."""
    if isinstance(reads, Sentences):
        return np.asarray(sampler.language_p)
    shares = np.zeros(len(corpus.languages))
    np.add.at(shares, sampler.split.pairs.languages.ravel(), np.repeat(sampler.pair_p / 2, 2))
    return shares


def _sentences(corpus: EncodedCorpus) -> IntArray:
    """Sentences of each language, at least 1."""
    return np.maximum(np.diff(corpus.index.bounds), 1)


def _entropy(
    counts: IntArray, sentences: IntArray, shares: np.ndarray, starts: float, special: bool
) -> float:
    """Entropy in nats of a token: languages weigh their share times mean tokens per sentence. Read block by block.

    `<s>` counts `starts` times, since the sentences of an input share one, and special tokens with `special` only.
    """
    width = max(1, BLOCK // len(counts))
    blocks = (counts[:, begin : begin + width] for begin in range(0, counts.shape[1], width))
    tokens = np.concatenate([shares @ (block / sentences[:, None]) for block in blocks])
    tokens[: EOS + 1] *= special
    tokens[BOS] *= starts
    return float(entropy(tokens))
