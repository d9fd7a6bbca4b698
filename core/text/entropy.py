"""H(token): the entropy of the tokens that MMLM and TLM mask, the ceiling of what a context can tell of them."""

from collections.abc import Collection

import numpy as np
from scipy.stats import entropy

from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler
from core.text.tokenizer import BOS, EOS


def token_entropies(
    corpus: EncodedCorpus, sampler: Sampler, vocabulary: int, special: Collection[str] = ()
) -> dict[str, float]:
    """Plug-in entropy in nats of a masked token, for MMLM and for TLM, under the sampler's share of each language.

    Every ordinary token is masked with the same probability, so a language counts with its probability times the
    mean number of ordinary tokens of its sentences. Read from the whole corpus.

    Args:
        corpus: the ids.
        sampler: with the share of each language and pair.
        vocabulary: number of tokens.
        special: the tasks that mask `<s>` and `</s>` as well (`mask_special`).
    """
    counts = corpus.token_counts(vocabulary).astype(np.float64)
    sentences = np.array([len(rows) for rows in corpus.index.rows])

    def per_sentence(task: str, starts: float) -> np.ndarray:
        mean = counts / np.maximum(sentences, 1)[:, None]
        mean[:, : EOS + 1] *= task in special
        mean[:, BOS] *= starts
        return mean

    found = {"mmlm": float(entropy(sampler.language_p @ per_sentence("mmlm", 1.0)))}
    if len(sampler.pair_p):
        share = np.zeros(len(corpus.languages))
        for pair, probability in zip(sampler.split.pairs, sampler.pair_p, strict=True):
            share[[pair.first, pair.second]] += probability / 2
        # two sentences share one <s>
        found["tlm"] = float(entropy(share @ per_sentence("tlm", 0.5)))
    return found
