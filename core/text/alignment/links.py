"""Links between words: the best source word of each target word, both directions joined, and gold links."""

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from core.progress import Progress, no_progress
from core.text.alignment.model import AlignmentSettings, LexicalTable, posteriors, train_lexicon
from core.text.alignment.pairs import WordPairs

Links = frozenset[tuple[int, int]]
"""Places of source and target word, from 0."""
Method = Literal["intersection", "grow-diag-final-and", "union", "forward", "backward"]
NEIGHBOURS: Final = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def best_links(
    pairs: WordPairs, table: LexicalTable, settings: AlignmentSettings | None = None
) -> Iterator[Links]:
    """The most probable source word of each target word, one set of links for each pair; none where it is NULL."""
    settings = settings or AlignmentSettings()
    for cells in pairs.blocks():
        posterior, _ = posteriors(cells, table, settings)
        ends = np.append(cells.starts[1:], len(posterior))
        best = [
            cells.source_place[begin + int(posterior[begin:end].argmax())]
            for begin, end in zip(cells.starts, ends, strict=True)
        ]
        for places in np.split(np.array(best, dtype=np.int64), np.cumsum(cells.num_words)[:-1]):
            yield frozenset((int(place), at) for at, place in enumerate(places) if place >= 0)


def joined(forward: Links, backward: Links, method: Method) -> Links:
    """Links of both directions as one set; `backward` is of source and target as well, not of its own direction.

    `grow-diag-final-and` (Koehn et al. 2005) begins with the intersection, adds neighbours out of the union that link
    a word without a link, and then links of which both words have none.
    """
    match method:
        case "forward":
            return forward
        case "backward":
            return backward
        case "intersection":
            return forward & backward
        case "union":
            return forward | backward
        case "grow-diag-final-and":
            return _final_and(_grown(set(forward & backward), forward | backward), forward, backward)


def _grown(links: set[tuple[int, int]], union: Links) -> set[tuple[int, int]]:
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    waiting = sorted(links)
    while waiting:
        i, j = waiting.pop(0)
        for step_i, step_j in NEIGHBOURS:
            link = (i + step_i, j + step_j)
            if link in union and link not in links and (link[0] not in sources or link[1] not in targets):
                links.add(link)
                sources.add(link[0])
                targets.add(link[1])
                waiting.append(link)
    return links


def _final_and(links: set[tuple[int, int]], forward: Links, backward: Links) -> Links:
    for direction in (forward, backward):
        sources, targets = {i for i, _ in links}, {j for _, j in links}
        for i, j in sorted(direction):
            if i not in sources and j not in targets:
                links.add((i, j))
                sources.add(i)
                targets.add(j)
    return frozenset(links)


def align_both_ways(
    pairs: WordPairs, settings: AlignmentSettings | None = None, progress: Progress = no_progress
) -> list[tuple[Links, Links]]:
    """Links of both directions for each pair, both as places of source and target word.

    Args:
        pairs: sentence pairs; both directions learn from all of them.
        settings: default: the diagonal prior with variational Bayes.
        progress: reports iterations of each direction.

    Raises:
        InputError: no pair has a word on both sides.
    """
    forward, backward = (
        list(best_links(side, train_lexicon(side, settings, progress), settings))
        for side in (pairs, pairs.reversed)
    )
    return [
        (links, frozenset((i, j) for j, i in mirrored))
        for links, mirrored in zip(forward, backward, strict=True)
    ]
