"""Sentence pairs with known links as an encoder reads them: whole sentences, and which characters are which word."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import InputError
from core.text.alignment.words import word_spans
from lab.evaluate.alignment import GoldPair, exact_links, read_gold
from lab.store import Run
from lab.text import corpus_of, world_of
from lab.world import World

JOINED: Final = re.compile(
    r"[\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF。-】，！？：；（）]"
)
"""Letters and marks that stand beside each other without a space between two words."""
NAME: Final = re.compile(r"([a-z]{2,3})-([a-z]{2,3})\b")
"""Languages at the beginning of the name of a table: `en-fr.test.tsv`."""


@dataclass(frozen=True)
class Spelled:
    """A sentence and the characters of its words, from and to."""

    text: str
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class GoldText:
    """Sentence pairs of two languages with their links, as an encoder reads them.

    Attributes:
        languages: source and target.
        pairs: words and links.
        source, target: the sentences of each pair.
        units: the number of each pair in intervals: its meaning, which is the same in all pairs of languages.
    """

    languages: tuple[str, str]
    pairs: Sequence[GoldPair]
    source: Sequence[Spelled]
    target: Sequence[Spelled]
    units: np.ndarray


def spelled(words: Sequence[str]) -> Spelled:
    """The sentence of some words: a space between two words, none between two letters of a script without spaces.

    >>> spelled(("Two", "chairs")).text, spelled(("我", "喜欢", "tea")).text
    ('Two chairs', '我喜欢 tea')
    """
    text, spans = "", list[tuple[int, int]]()
    for word in words:
        close = text and word and JOINED.match(text[-1]) and JOINED.match(word[0])
        text += "" if not text or close else " "
        spans.append((len(text), len(text) + len(word)))
        text += word
    return Spelled(text, spans)


def gold_of_tables(path: Path) -> list[GoldText]:
    """The pairs of a table of gold links, or of all tables of a folder; each name begins with its two languages.

    Raises:
        InputError: no such file or folder, no table in the folder, a name without languages, or a damaged table.
    """
    tables = sorted(path.glob("*.tsv")) if path.is_dir() else [path]
    if not tables or not all(table.is_file() for table in tables):
        raise InputError(
            f"expected a table of gold links such as en-fr.tsv, or a folder of them, got {path}: columns source, "
            "target, sure, possible"
        )
    pairs = defaultdict[tuple[str, str], list[GoldPair]](list)
    for table in tables:
        languages = NAME.match(table.name)
        if languages is None:
            raise InputError(
                f"expected a name that begins with two languages, such as en-fr.tsv, got {table.name}: rename it"
            )
        pairs[languages[1], languages[2]] += read_gold(table)
    ends = np.cumsum([len(each) for each in pairs.values()])
    return [
        GoldText(
            languages,
            each,
            [spelled(pair.source) for pair in each],
            [spelled(pair.target) for pair in each],
            np.arange(end - len(each), end),
        )
        for end, (languages, each) in zip(ends, pairs.items(), strict=True)
    ]


def gold_of_world(world: World, meanings: np.ndarray, languages: Sequence[tuple[str, str]]) -> list[GoldText]:
    """The exact links of a world between sentences of the same meanings, in the first wording of each language."""
    sentences = {
        tag: [_first_wording(world, int(meaning), tag) for meaning in meanings]
        for tag in dict.fromkeys(tag for pair in languages for tag in pair)
    }
    return [
        GoldText(
            pair,
            [exact_links(world, pair, int(meaning)) for meaning in meanings],
            sentences[pair[0]],
            sentences[pair[1]],
            meanings,
        )
        for pair in languages
    ]


def _first_wording(world: World, meaning: int, tag: str) -> Spelled:
    text = world.sentence(meaning, tag)
    return Spelled(text, word_spans(text))


def gold_of_run(run: Run, path: Path | None, sentences: int, pairs: int, seed: int = 0) -> list[GoldText]:
    """Sentence pairs with known links to measure a run on.

    Args:
        run: whose held-out meanings the world links exactly, where no table is named.
        path: table of gold links, or folder of such tables.
        sentences: of each pair of languages, at most, drawn at random.
        pairs: of languages, at most, drawn at random.
        seed: of both draws.

    Raises:
        InputError: text that no world wrote, without a table; or a single language.
    """
    if path is not None:
        return gold_of_tables(path)
    corpus = corpus_of(run)
    world = world_of(corpus)
    if world is None:
        raise InputError(
            f"no world wrote {corpus.folder}, so nobody knows which words translate each other: name tables of "
            "manual links, --gold FOLDER"
        )
    tags = corpus.languages
    between = [(source, target) for at, source in enumerate(tags) for target in tags[at + 1 :]]
    if not between:
        raise InputError(f"run {run.name} has one language, {tags[0]}: links join two")
    rng = np.random.default_rng(seed)
    meanings = np.array(sorted(run.held_out()["meaning"].unique()))
    drawn = np.sort(rng.permutation(meanings)[:sentences])
    numbers = np.sort(rng.permutation(len(between))[:pairs])
    return gold_of_world(world, drawn, [between[number] for number in numbers])
