"""H(token): the entropy of the tokens that MMLM and TLM mask, the ceiling of what a context can tell of them."""

import numpy as np
from scipy.stats import entropy

from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler
from core.text.tokenizer import EOS, PAD


def token_entropies(corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> dict[str, float]:
    """Plug-in entropy in nats of a masked token, for MMLM and for TLM, under the sampler's share of each language.

    Every ordinary token is masked with the same probability, so a language counts with its probability times the
    mean number of ordinary tokens of its sentences. Read from the whole corpus.
    """
    counts = corpus.token_counts(vocabulary).astype(np.float64)
    counts[:, : EOS + 1] = 0.0
    assert counts.shape[1] > PAD
    sentences = np.bincount(corpus.language, minlength=len(corpus.languages))
    per_sentence = counts / np.maximum(sentences, 1)[:, None]
    found = {"mmlm": float(entropy(sampler.language_p @ per_sentence))}
    if len(sampler.pair_p):
        share = np.zeros(len(corpus.languages))
        for pair, probability in zip(sampler.split.pairs, sampler.pair_p, strict=True):
            share[[pair.first, pair.second]] += probability / 2
        found["tlm"] = float(entropy(share @ per_sentence))
    return found
