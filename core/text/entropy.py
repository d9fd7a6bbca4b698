"""H(token) of the tokens that MMLM and TLM mask, the ceiling of what a context can tell of them, and how much of it
the language tells.
"""

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
STARTS: Final = {"mmlm": 1.0, "tlm": 0.5}
"""How many `<s>` a sentence has: the two of a pair share one."""


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
    return {
        task: _entropy(counts, sentences, share, STARTS[task], task in special)
        for task, share in _shares(corpus, sampler).items()
    }


def language_information(corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> dict[str, float]:
    """I(token; language) in nats of the ordinary tokens that MMLM and TLM mask: what the language alone tells of one.

    H(token) - H(token given language), plug-in, read from the whole corpus as `token_entropies` reads it. A model that
    recognises the language of a context and nothing else can show so much.
    """
    counts = corpus.token_counts(vocabulary)
    sentences = np.maximum(np.diff(corpus.index.bounds), 1)
    lengths, inside = np.zeros(len(counts)), np.zeros(len(counts))
    for at, row in enumerate(counts):
        ordinary = np.array(row, dtype=np.float64)
        ordinary[: EOS + 1] = 0.0
        lengths[at] = ordinary.sum() / sentences[at]
        inside[at] = float(entropy(ordinary)) if lengths[at] else 0.0
    told: dict[str, float] = {}
    for task, share in _shares(corpus, sampler).items():
        weight = share * lengths / (share @ lengths)
        told[task] = max(0.0, _entropy(counts, sentences, share, 1.0, False) - float(weight @ inside))
    return told


def _shares(corpus: EncodedCorpus, sampler: Sampler) -> dict[str, np.ndarray]:
    """How often each task reads a sentence of each language, [languages]."""
    shares = {"mmlm": np.asarray(sampler.language_p)}
    if len(sampler.pair_p):
        share = np.zeros(len(corpus.languages))
        np.add.at(share, sampler.split.pairs.languages.ravel(), np.repeat(sampler.pair_p / 2, 2))
        shares["tlm"] = share
    return shares


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
