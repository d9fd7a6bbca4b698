"""Links between the tokens of all translations of a corpus, with their posteriors: a sparse, memory-mapped table.

For each token of a sentence the table holds the tokens of the translation that the statistical aligner says it comes
from. Tokens are aligned as words are elsewhere, so a piece of a word is linked like any other token.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field

from core.config import Frozen
from core.text.arrays import IntArray, concatenated_ranges, mapped
from core.text.encoded import EncodedCorpus
from core.text.translations import Translations

WHOLE: Final = 65_535
"""Posteriors are stored as parts of this."""
COLUMNS: Final = {"token": np.int32, "linked": np.int32, "posterior": np.uint16}
COUNTED: Final = 20_000
"""Translations that are counted at once."""


class TableInfo(Frozen):
    """The content of `links.json`."""

    format: Literal[1] = Field(
        description="of the files beside it; those of another version are written again"
    )
    translations: int
    links: int


@dataclass(frozen=True)
class TokenLinks:
    """Links of tokens of some sentence pairs, in order of pair, side and token.

    Attributes:
        pair: number of the sentence pair of each link.
        side: 0 where the token stands in the first sentence of the pair and its linked token in the second, else 1.
        token: place of the token in its sentence, `<s>` not counted.
        linked: place of the token that it is linked to in the other sentence.
        posterior: probability that the token comes from the linked one; those of a token sum to at most 1.
    """

    pair: IntArray
    side: IntArray
    token: IntArray
    linked: IntArray
    posterior: np.ndarray

    def masses(self) -> tuple[IntArray, IntArray, IntArray, np.ndarray]:
        """Pair, side and place of each token that has links, in order, and the sum of their posteriors."""
        if not len(self.pair):
            return self.pair, self.side, self.token, self.posterior
        keys = np.stack([self.pair, self.side, self.token])
        begins = np.flatnonzero(np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
        pair, side, token = keys[:, begins]
        return pair, side, token, np.add.reduceat(self.posterior, begins)

    def where(self, mask: np.ndarray) -> "TokenLinks":
        """The links at which a mask is True."""
        return TokenLinks(
            self.pair[mask], self.side[mask], self.token[mask], self.linked[mask], self.posterior[mask]
        )

    def within(self, lengths: IntArray) -> "TokenLinks":
        """The links of which both tokens stand in what is left of cut sentences; `lengths` are [pairs, 2]."""
        stays = self.token < lengths[self.pair, self.side]
        return self.where(stays & (self.linked < lengths[self.pair, 1 - self.side]))

    def spread(self, lengths: IntArray) -> "TokenLinks":
        """Links that lead to all tokens of the other sentence alike; each token keeps the sum of its posteriors."""
        pair, side, token, masses = self.masses()
        counts = lengths[pair, 1 - side]
        return TokenLinks(
            np.repeat(pair, counts),
            np.repeat(side, counts),
            np.repeat(token, counts),
            concatenated_ranges(np.zeros(len(counts), dtype=np.int64), counts),
            np.repeat(masses / counts, counts),
        )

    def turned(self, lengths: IntArray, turns: np.ndarray) -> "TokenLinks":
        """Links that lead to another token of the other sentence, for each pair the same distance further on.

        Args:
            lengths: tokens of the sentences, [pairs, 2].
            turns: in [0, 1), [pairs]; how far, from the next token to the last but itself.
        """
        counts = lengths[self.pair, 1 - self.side]
        distance = 1 + (turns[self.pair] * (counts - 1)).astype(np.int64)
        return replace(self, linked=(self.linked + distance) % counts)


class LinkTable:
    """The links that `write_links` wrote into a folder.

    Raises:
        OSError, ValueError: the table is missing, not whole, or of other translations.
    """

    def __init__(self, folder: Path, corpus: EncodedCorpus, translations: Translations) -> None:
        info = TableInfo.model_validate_json((folder / "links.json").read_bytes())
        if info.translations != len(translations.rows):
            raise ValueError(f"{folder} links {info.translations} translations, not {len(translations.rows)}")
        self.corpus, self.translations = corpus, translations
        self._starts = mapped(folder / "starts.bin", count=2 * info.translations + 1)
        self._token, self._linked, self._posterior = (
            mapped(folder / f"{name}.bin", dtype, info.links) for name, dtype in COLUMNS.items()
        )

    def __len__(self) -> int:
        return len(self._token)

    def of(self, rows: IntArray) -> TokenLinks:
        """The links of sentence pairs, [pairs, 2] sentences of the corpus, in both directions.

        The pairs are among the translations of the table, in either order.
        """
        languages = self.corpus.language[rows].astype(np.int64)
        turned = languages[:, 0] > languages[:, 1]
        numbers = self.translations.pairs_of(np.sort(languages, axis=1))
        places = self.translations.places(self.corpus.meaning, numbers, self.corpus.meaning[rows[:, 0]])
        return self._links(places, turned)

    def _links(self, places: IntArray, turned: np.ndarray) -> TokenLinks:
        """Links of the translations at some places; sides are exchanged where `turned` is True."""
        pairs, sides = np.repeat(np.arange(len(places)), 2), np.tile([0, 1], len(places))
        segments = 2 * places[pairs] + (sides ^ turned[pairs])
        begins = self._starts[segments]
        counts = self._starts[segments + 1] - begins
        at = concatenated_ranges(begins, counts)
        return TokenLinks(
            np.repeat(pairs, counts),
            np.repeat(sides, counts),
            self._token[at].astype(np.int64),
            self._linked[at].astype(np.int64),
            self._posterior[at] / WHOLE,
        )

    def token_counts(self, number: int, mass: float, vocabulary: int) -> np.ndarray:
        """Counts of each id among the tokens whose links have more than `mass` in all; [vocabulary].

        Args:
            number: of the pair of languages, of which both sides are counted.
            mass: least sum of posteriors.
            vocabulary: number of ids.
        """
        low, high = self.translations.bounds[number : number + 2].tolist()
        counts = np.zeros(vocabulary)
        for begin in range(low, high, COUNTED):
            places = np.arange(begin, min(begin + COUNTED, high))
            links = self._links(places, np.zeros(len(places), dtype=bool))
            pair, side, token, masses = links.masses()
            heavy = masses > mass
            rows = np.asarray(self.translations.rows[places])[pair[heavy], side[heavy]]
            counts += np.bincount(self.corpus.tokens_at(rows, token[heavy] + 1), minlength=vocabulary)
        return counts
