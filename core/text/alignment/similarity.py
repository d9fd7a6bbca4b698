"""Links of the similarity matrix of a sentence pair: mutual best, and more of them round by round.

Sources: Jalili Sabet et al. 2020 (SimAlign), methods Argmax and Itermax; Chi et al. 2021 (XLM-Align) for transport.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Float

from core.text.alignment.links import Links

ROUNDS: Final = 2
"""Rounds of `itermax`, the first included, as published."""
DISCOUNT: Final = 0.9
"""Factor on similarities of a token that is linked already, as published."""
SINKHORN_ROUNDS: Final = 2
"""Rounds of scaling columns and rows, as published."""
LEAST_SIMILARITY: Final = 1e-6
"""Similarity of tokens that are not similar, as published."""


def argmax_links(similarity: Float[np.ndarray, "source target"]) -> Links:
    """Links tokens that are each other's most similar token.

    >>> sorted(argmax_links(np.array([[0.9, 0.8], [0.7, 0.1]])))
    [(0, 0)]
    """
    if not similarity.size:
        return frozenset()
    best_target, best_source = similarity.argmax(1), similarity.argmax(0)
    mutual = np.flatnonzero(best_source[best_target] == np.arange(len(best_target)))
    return frozenset((int(i), int(best_target[i])) for i in mutual)


def itermax_links(similarity: Float[np.ndarray, "source target"]) -> Links:
    """Links as `argmax_links` does, in rounds.

    From the second round on a similarity counts in full where neither token has a link, times `DISCOUNT` where one has,
    and not at all where both have.

    Args:
        similarity: not negative, such as (1 + cosine) / 2.

    >>> sorted(itermax_links(np.array([[0.9, 0.8], [0.7, 0.1]])))
    [(0, 0), (0, 1), (1, 0)]
    >>> sorted(itermax_links(np.array([[0.9, 0.8, 0.2], [0.7, 0.1, 0.3], [0.6, 0.6, 0.1]])))
    [(0, 0), (0, 1), (1, 0)]
    """
    links = argmax_links(similarity)
    for _ in range(ROUNDS - 1):
        sources, targets = (
            np.isin(np.arange(size), [link[side] for link in links])
            for side, size in enumerate(similarity.shape)
        )
        linked = sources[:, None].astype(np.int64) + targets
        weight = np.array([1.0, DISCOUNT, 0.0])[linked]
        more = {(i, j) for i, j in argmax_links(similarity * weight) if weight[i, j]}
        if not more:
            break
        links |= more
    return links


EXTRACTIONS: Final[dict[str, Callable[[np.ndarray], Links]]] = {
    "argmax": argmax_links,
    "itermax": itermax_links,
}
"""Ways to read links out of similarities, by name."""


def word_links(links: Links, source: Sequence[Sequence[int]], target: Sequence[Sequence[int]]) -> Links:
    """Links of words: two words are linked where a token of one is linked to a token of the other.

    Args:
        links: of tokens.
        source, target: the words of each token.
    """
    return frozenset(words for i, j in links for words in product(source[i], target[j]))


def transported(similarity: Float[np.ndarray, "source target"]) -> Float[np.ndarray, "source target"]:
    """Similarities as a transport plan: columns, then rows are scaled to sum to 1, twice (Sinkhorn; Chi et al. 2021).

    Similarities that are not positive count as `LEAST_SIMILARITY`. In the result each source token has the mass 1, and
    tokens that are near to every token of the other side have lost their advantage.
    """
    plan = np.where(similarity > 0, similarity, LEAST_SIMILARITY)
    for _ in range(SINKHORN_ROUNDS):
        plan = plan / plan.sum(axis=0, keepdims=True)
        plan = plan / plan.sum(axis=1, keepdims=True)
    return plan
