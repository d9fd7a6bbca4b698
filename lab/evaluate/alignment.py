"""Word alignment against gold links: error rate, precision and recall, with intervals over sentences."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.errors import InputError
from core.progress import Progress, no_progress
from core.streams import WORLD_GOLD
from core.text.alignment.links import Links, Method, align_both_ways, joined
from core.text.alignment.model import AlignmentSettings
from core.text.alignment.pairs import WordPairs
from core.text.alignment.words import split_words, words_in
from lab.evaluate.intervals import share_interval
from lab.world import World

METHODS: Final = get_args(Method)
"""Ways to join both directions."""
GOLD_MEANINGS: Final = 500
"""Sentence pairs of a world whose exact links are compared."""
COLUMNS = ("source", "target", "sure", "possible")


@dataclass(frozen=True)
class GoldPair:
    """A sentence pair whose words people aligned: words of both sides, sure links, and links that are only possible."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    sure: Links
    possible: Links


@dataclass(frozen=True)
class AlignmentError:
    """Alignment error rate 1 - (|A & S| + |A & (S | P)|) / (|A| + |S|) of links A (Och and Ney 2003).

    Attributes:
        rate, low, high: the rate and the ends of its 95 % interval over sentences.
        precision: share of the links that are sure or possible.
        recall: share of the sure links that are there.
        n: sentences.
    """

    rate: float
    low: float
    high: float
    precision: float
    recall: float
    n: int


def read_gold(path: Path) -> list[GoldPair]:
    """Reads a table of gold alignments: columns source, target (words between spaces), sure, possible (`i-j`, from 0).

    Raises:
        InputError: a column is missing, a link is no pair of numbers, or it lies outside of its sentences.
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(f"{path.name} needs columns {', '.join(COLUMNS)}, {', '.join(missing)} is missing")
    pairs = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        source, target = tuple(row["source"].split()), tuple(row["target"].split())
        sure, possible = (_links(row[kind], path.name, number) for kind in ("sure", "possible"))
        for i, j in sure | possible:
            if not (0 <= i < len(source) and 0 <= j < len(target)):
                raise InputError(
                    f"{path.name}, line {number}: link {i}-{j} lies outside of {len(source)} and {len(target)} words"
                )
        pairs.append(GoldPair(source, target, sure, possible))
    return pairs


def _links(text: str, name: str, number: int) -> Links:
    try:
        ends = [link.split("-") for link in text.split()]
        return frozenset((int(i), int(j)) for i, j in ends)
    except ValueError:
        raise InputError(
            f"{name}, line {number}: expected links such as 0-0 1-2, got {text[:40]!r}"
        ) from None


def world_gold(world: World, languages: tuple[str, str], meanings: int = GOLD_MEANINGS) -> list[GoldPair]:
    """Sentence pairs of a world with their exact links, drawn with a seed of their own.

    Words that tell one slot are linked: surely where one side has a single word for it, else possibly. Words that tell
    no slot, such as verbs and prepositions, may be linked with each other.
    """
    drawn = world.draw(meanings, WORLD_GOLD, without_replacement=False)
    return [exact_links(world, languages, int(meaning)) for meaning in drawn]


def exact_links(world: World, languages: tuple[str, str], meaning: int) -> GoldPair:
    """The words of a meaning's sentences in two languages, as `split_words` reads them, with their exact links."""
    texts = [world.sentence(meaning, tag) for tag in languages]
    words = [tuple(split_words(text)) for text in texts]
    slots = [_words_by_slot(world, meaning, tag, text) for tag, text in zip(languages, texts, strict=True)]
    sure, possible = set[tuple[int, int]](), set[tuple[int, int]]()
    for slot in slots[0].keys() & slots[1].keys():
        source, target = slots[0][slot], slots[1][slot]
        (sure if 1 in (len(source), len(target)) else possible).update(product(source, target))
    free = [
        [at for at in range(len(side)) if not any(at in places for places in of_slot.values())]
        for side, of_slot in zip(words, slots, strict=True)
    ]
    return GoldPair(*words, frozenset(sure), frozenset(possible | set(product(*free))))


def _words_by_slot(world: World, meaning: int, tag: str, text: str) -> dict[str, set[int]]:
    """The places of the words that tell each slot; a slot may be told in two places, as a noun and its measure word."""
    places = defaultdict[str, set[int]](set)
    for span in world.slot_spans(meaning, tag):
        places[span.slot].update(words_in(text, span.start, span.end))
    return places


def alignment_error(links: Sequence[Links], gold: Sequence[GoldPair]) -> AlignmentError:
    """The error rate of links on gold pairs, with the interval of `share_interval` over sentences.

    Raises:
        InputError: there are no sentences, or neither links nor sure links.
    """
    return error_of_counts(link_counts(links, gold))


def link_counts(links: Sequence[Links], gold: Sequence[GoldPair]) -> Float[np.ndarray, "sentences 4"]:
    """For each sentence pair: links that are sure, links that are sure or possible, all links, all sure links."""
    return np.array(
        [
            (len(each & pair.sure), len(each & (pair.sure | pair.possible)), len(each), len(pair.sure))
            for each, pair in zip(links, gold, strict=True)
        ],
        dtype=np.float64,
    ).reshape(-1, 4)


def error_of_counts(counts: Float[np.ndarray, "units 4"]) -> AlignmentError:
    """The error rate of links that were counted by `link_counts`, with the interval of `share_interval` over units.

    Raises:
        InputError: there are no units, or neither links nor sure links.
    """
    hits, allowed, linked, sure = counts.T
    if not (linked + sure).sum():
        raise InputError("expected links and sure links, got none: nothing can be compared")
    # the rate is one minus a share, whose interval holds at 0 and 1
    low, high = share_interval(hits + allowed, linked + sure)
    return AlignmentError(
        1 - float((hits + allowed).sum() / (linked + sure).sum()),
        1 - float(high),
        1 - float(low),
        float(allowed.sum() / linked.sum()) if linked.any() else 0.0,
        float(hits.sum() / sure.sum()) if sure.any() else 0.0,
        len(counts),
    )


@dataclass(frozen=True)
class AlignedText:
    """Sentence pairs with their links, and what the links are worth against gold ones.

    Attributes:
        table: columns meaning, source, target (lists of words) and links (lists of pairs of places, from 0).
        errors: error rate of every method on the gold pairs, by method; empty without gold pairs.
    """

    table: pd.DataFrame
    errors: dict[str, AlignmentError]

    def rows(self, source: str, target: str) -> list[dict[str, Any]]:
        """One row for each method: source, target, layer, method, aer, low, high, precision, recall, n."""
        return [
            {"source": source, "target": target, "layer": None, "method": method, "aer": error.rate,
             "low": error.low, "high": error.high, "precision": error.precision, "recall": error.recall, "n": error.n}
            for method, error in self.errors.items()
        ]  # fmt: skip


def align_text(
    sentences: pd.DataFrame,
    languages: tuple[str, str],
    gold: Sequence[GoldPair] = (),
    method: Method = "intersection",
    settings: AlignmentSettings | None = None,
    progress: Progress = no_progress,
) -> AlignedText:
    """Aligns the translations of two languages.

    The aligner learns without supervision, so it reads the sentences of the gold pairs as well, never their links.

    Args:
        sentences: columns meaning, language, text.
        languages: source and target.
        gold: pairs that people aligned, in these languages.
        method: by which both directions are joined for the table.
        settings: of the aligner; default: the diagonal prior with variational Bayes.
        progress: reports iterations.

    Raises:
        InputError: the languages have no translations.
    """
    texts = [sentences[sentences["language"] == tag].set_index("meaning")["text"] for tag in languages]
    pairs = pd.concat(texts, axis=1, join="inner", keys=languages)
    if pairs.empty:
        raise InputError(f"expected translations of {languages[0]} into {languages[1]}, got none")
    source, target = ([split_words(text) for text in pairs[tag]] for tag in languages)
    words = WordPairs.of(
        [*source, *([word.lower() for word in pair.source] for pair in gold)],
        [*target, *([word.lower() for word in pair.target] for pair in gold)],
    )
    directions = align_both_ways(words, settings, progress)
    of_text, of_gold = directions[: len(pairs)], directions[len(pairs) :]
    table = pd.DataFrame(
        {
            "meaning": pairs.index,
            "source": source,
            "target": target,
            "links": [sorted(joined(*links, method=method)) for links in of_text],
        }
    )
    methods = METHODS if gold else ()
    errors = {
        each: alignment_error([joined(*links, method=each) for links in of_gold], gold) for each in methods
    }
    return AlignedText(table, errors)
