"""One unigram model out of several monolingual ones: their mixture."""

from collections.abc import Mapping
from math import log

import numpy as np

from core.text.vocabulary.unigram import UNSEEN, CountedPieces


def mixture_scores(languages: Mapping[str, CountedPieces], weights: Mapping[str, float]) -> dict[str, float]:
    """score(piece) = ln sum_i w_i p_i(piece) in nats, the highest first; p_i is how often language i uses it.

    The released code trains the union again, with a patched SentencePiece, on text of all languages drawn by q^beta.
    The mixture of the monolingual models needs no text, and is the model of a text whose tokens are of language i
    with probability w_i.
    """
    shares = dict[str, float]()
    for language, counted in languages.items():
        counts = np.maximum(counted.counts, UNSEEN)
        scaled = weights[language] * counts / (counts.sum() + counted.unknown)
        for piece, share in zip(counted.pieces, scaled.tolist(), strict=True):
            shares[piece] = shares.get(piece, 0.0) + share
    return {
        piece: log(share) for piece, share in sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    }
