"""H(token): the entropy of the tokens that MMLM and TLM mask, the ceiling of what a context can tell of them."""

from collections.abc import Collection
from typing import Final

import numpy as np
from scipy.stats import entropy

from core.text.arrays import IntArray
from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler
from core.text.tokenizer import BOS, EOS

BLOCK: Final = 2_000_000
"""Counts that are read at once."""


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
    counts = corpus.token_counts(vocabulary)
    sentences = np.maximum(np.diff(corpus.index.bounds), 1)
    entropies = {"mmlm": _entropy(counts, sentences, sampler.language_p, 1.0, "mmlm" in special)}
    if len(sampler.pair_p):
        share = np.zeros(len(corpus.languages))
        np.add.at(share, sampler.split.pairs.languages.ravel(), np.repeat(sampler.pair_p / 2, 2))
        # two sentences share one <s>
        entropies["tlm"] = _entropy(counts, sentences, share, 0.5, "tlm" in special)
    return entropies


def _entropy(counts: IntArray, sentences: IntArray, share: np.ndarray, starts: float, special: bool) -> float:
    """Entropy in nats of a token: languages weigh their share times mean tokens per sentence. Read block by block.

    `<s>` counts `starts` times, and special tokens count with `special` only.
    """
    width = max(1, BLOCK // len(counts))
    blocks = (counts[:, begin : begin + width] for begin in range(0, counts.shape[1], width))
    tokens = np.concatenate([share @ (block / sentences[:, None]) for block in blocks])
    tokens[: EOS + 1] *= special
    tokens[BOS] *= starts
    return float(entropy(tokens))
