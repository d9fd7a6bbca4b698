"""Entropies of the tokens that a masked task predicts: H(token), the ceiling of its bound, and I(token; language)."""

from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.stats import entropy

from core.text.arrays import IntArray
from core.text.encoded import EncodedCorpus
from core.text.sampling import Reads, Sampler, Sentences
from core.text.tokenizer import BOS, EOS

BLOCK: Final = 2_000_000
"""Counts that are in memory at once."""


def token_entropy(
    corpus: EncodedCorpus, sampler: Sampler, reads: Reads, vocabulary: int, special: bool = False
) -> float:
    """Plug-in entropy in nats of a masked token, counted in the whole corpus.

    Every ordinary token is masked with the same probability. So the weight of a language is the sampler's probability
    of the language times the mean number of ordinary tokens of its sentences.

    Args:
        corpus: the ids.
        sampler: gives the probability of each language and pair.
        reads: what the task reads.
        vocabulary: number of tokens.
        special: whether `<s>` and `</s>` are masked as well (`mask_special`).
    """
    counts, shares = corpus.token_counts(vocabulary), language_shares(corpus, sampler, reads)
    return _entropy(counts, _sentences(corpus), shares, 1 / reads.sentences_per_input, special)


def language_information(corpus: EncodedCorpus, sampler: Sampler, reads: Reads, vocabulary: int) -> float:
    """I(token; language) in nats of the ordinary tokens that a task masks: what the language alone tells of a token.

    H(token) - H(token given language), plug-in, counted like `token_entropy`. A model that recognises only the
    language of a context reaches this value.
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
    """Probability that a sentence which a task reads is in each language; zeros where the text has no pairs."""
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
    """Entropy in nats of a token, where a language weighs its share times its mean tokens per sentence.

    `<s>` has the weight `starts`, since the sentences of an input share one `<s>`; special tokens count only with
    `special`. Counts are read block by block.
    """
    width = max(1, BLOCK // len(counts))
    blocks = (counts[:, begin : begin + width] for begin in range(0, counts.shape[1], width))
    tokens = np.concatenate([shares @ (block / sentences[:, None]) for block in blocks])
    tokens[: EOS + 1] *= special
    tokens[BOS] *= starts
    return float(entropy(tokens))
