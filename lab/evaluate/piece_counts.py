"""How the sentences of one language are cut by a tokenizer: counts of each sentence, and what they add up to."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import InputError
from core.text.vocabulary.alp import RENYI_ORDER, log_probabilities, renyi_efficiency
from core.text.vocabulary.published import PublishedTokenizer

WITHOUT_SPACES: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""How names of letters begin whose scripts put no spaces between words."""
LETTERS_READ: Final = 10_000
Ratio = tuple[np.ndarray, np.ndarray]
"""Totals and weights of each sentence: the value is the sum of the totals over the sum of the weights."""


@dataclass(frozen=True)
class LanguageCounts:
    """Counts of the sentences of one language under one tokenizer.

    Attributes:
        meanings: of each sentence, in order, each once.
        groups: number of the group of meanings that share a text.
        ids: of all sentences, one behind the other.
        tokens: of each sentence.
        counts: how often each entry of the vocabulary is used.
        kinds: for each token, as `PublishedTokenizer.kinds` names them.
        lost: whether the tokens do not give the sentence back.
        example: of a sentence that is lost and what comes back; None where there is none.
    """

    meanings: np.ndarray
    groups: np.ndarray
    ids: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray
    words: np.ndarray
    counts: np.ndarray
    kinds: np.ndarray
    lost: np.ndarray
    example: tuple[str, str] | None

    @property
    def nats(self) -> np.ndarray:
        """Sum of ln p(piece) of each sentence, with p as often as the piece is used in this language."""
        return self.of_sentence(log_probabilities(self.counts)[self.ids])

    def of_sentence(self, of_token: np.ndarray) -> np.ndarray:
        """A number of each token, summed by sentence."""
        owner = np.repeat(np.arange(len(self.tokens)), self.tokens)
        return np.bincount(owner, of_token, minlength=len(self.tokens))

    def ratios(self, exclusive: np.ndarray, reference: "LanguageCounts", budget: int) -> dict[str, Ratio]:
        """Totals and weights of each metric but the number of own pieces.

        Args:
            exclusive: whether an entry of the vocabulary is used in this language alone.
            reference: the language whose tokens and nats stand below a line.
            budget: tokens of one input.
        """
        each, nats = np.ones(len(self.tokens)), self.nats
        shared, place = self._shared(reference)
        ratios: dict[str, Ratio] = {
            "parity": (self.tokens * shared, np.where(shared, reference.tokens[place], 0)),
            "nats_parity": (nats * shared, np.where(shared, reference.nats[place], 0.0)),
            "alp_meaning": (nats * shared, each * shared),
            "meanings_in_budget": (budget * each * shared, self.tokens * shared),
            "lost": (self.lost, each),
            "own": (self.of_sentence(exclusive[self.ids]), self.tokens),
            "alp_line": (nats, each),
            "alp_character": (nats, self.characters),
            "tokens_per_character": (self.tokens, self.characters),
            "renyi": (self._renyi(), self.tokens),
        }
        if self.words.any():
            ratios["fertility"] = (self.tokens, self.words)
        for kind in ("unknown", "byte", "character"):
            ratios[kind] = (self.of_sentence(self.kinds == kind), self.tokens)
        return ratios

    def tells_same_meanings(self, reference: "LanguageCounts") -> bool:
        """Whether two languages have sentences of the same meanings."""
        return np.array_equal(self.meanings, reference.meanings)

    def _shared(self, reference: "LanguageCounts") -> tuple[np.ndarray, np.ndarray]:
        """Whether the reference language has each meaning, and its place there; a place without the meaning is void."""
        place = np.searchsorted(reference.meanings, self.meanings).clip(max=len(reference.meanings) - 1)
        return reference.meanings[place] == self.meanings, place

    def _renyi(self) -> np.ndarray:
        """Contribution of each sentence: its tokens times the efficiency, plus the change that its pieces make to that.

        The derivative of the entropy for the count of a piece is a / (1 - a) * (p^(a - 1) / sum p^a - 1) / tokens.
        """
        shares = self.counts / self.counts.sum()
        slope = shares ** (RENYI_ORDER - 1) / (shares**RENYI_ORDER).sum() - 1
        slope *= RENYI_ORDER / (1 - RENYI_ORDER) / np.log(max(2, len(self.counts)))
        return self.tokens * renyi_efficiency(self.counts) + self.of_sentence(slope[self.ids])


def count_pieces(
    tokenizer: PublishedTokenizer, sentences: pd.DataFrame, groups: np.ndarray
) -> LanguageCounts:
    """Cuts the sentences of one language.

    Args:
        tokenizer: cuts them.
        sentences: columns meaning, language, text.
        groups: of each sentence.

    Raises:
        InputError: they hold nothing to cut.
    """
    order = np.argsort(sentences["meaning"].to_numpy(), kind="stable")
    texts = [str(text) for text in sentences["text"].to_numpy()[order]]
    rows = tokenizer.encode(texts)
    ids = np.concatenate(rows).astype(np.int64)
    if not len(ids):
        language = sentences["language"].iloc[0]
        raise InputError(
            f"expected text of {language}, got {len(texts):,} sentences without a token: leave it out"
        )
    used, inverse = np.unique(ids, return_inverse=True)
    comes_back = np.array([tokenizer.keeps(text, row) for text, row in zip(texts, rows, strict=True)])
    first_lost, spaces = int(np.argmin(comes_back)), not _without_spaces(texts)
    return LanguageCounts(
        meanings=sentences["meaning"].to_numpy()[order],
        groups=groups[order],
        ids=ids,
        tokens=np.array([len(row) for row in rows]),
        characters=np.array([len(text) for text in texts]),
        words=np.array([len(text.split()) if spaces else 0 for text in texts]),
        counts=np.bincount(ids, minlength=tokenizer.size),
        kinds=np.array(tokenizer.kinds(used))[inverse],
        lost=~comes_back,
        example=None if comes_back[first_lost] else (texts[first_lost], tokenizer.decode(rows[first_lost])),
    )


def own_pieces(counted: Mapping[str, LanguageCounts]) -> dict[str, np.ndarray]:
    """The entries of the vocabulary that each language uses and no other language does."""
    size = max(len(each.counts) for each in counted.values())
    used = {tag: np.pad(each.counts > 0, (0, size - len(each.counts))) for tag, each in counted.items()}
    users = np.sum(list(used.values()), axis=0)
    return {tag: flags & (users == 1) for tag, flags in used.items()}


def meaning_groups(sentences: pd.DataFrame) -> np.ndarray:
    """A number for each sentence, the same where meanings share a text directly or over others."""
    meaning = pd.factorize(sentences["meaning"])[0]
    text = pd.factorize(sentences["text"])[0] + meaning.max(initial=-1) + 1
    size = int(text.max(initial=-1)) + 1
    links = coo_array((np.ones(len(meaning), dtype=bool), (meaning, text)), shape=(size, size))
    return np.unique(connected_components(links, directed=False)[1][meaning], return_inverse=True)[1]


def _without_spaces(texts: list[str]) -> bool:
    """Whether most letters belong to scripts that put no spaces between words."""
    letters = [letter for text in texts[:200] for letter in text if letter.isalpha()][:LETTERS_READ]
    named = sum(unicodedata.name(letter, "").startswith(WITHOUT_SPACES) for letter in letters)
    return 2 * named > len(letters)
