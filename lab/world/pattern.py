"""Text with gaps: the visible text of a sentence when some of its tokens are masked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

MOST_REMEMBERED = 1_000_000
PatternState = tuple[
    int, int, str
]  # segment (even: literal, odd: gap), characters of a literal used, text in a gap


class Vocabulary:
    """Knows which texts a number of tokens can spell, whole or as the beginning of a longer text.

    A run of characters without tokens counts as one token, because a tokenizer makes it one `<unk>`.
    """

    def __init__(self, tokens: Iterable[str], characters: Iterable[str] = ()) -> None:
        self._tokens = frozenset(tokens)
        self._beginnings = frozenset(token[:end] for token in self._tokens for end in range(len(token) + 1))
        self._strange = frozenset(characters) - self._tokens
        self._seen: dict[tuple[str, int, bool], bool] = {}

    @cached_property
    def backward(self) -> "Vocabulary":
        """The vocabulary of the same tokens written backward."""
        return Vocabulary((token[::-1] for token in self._tokens), self._strange)

    def spells(self, text: str, count: int, partly: bool) -> bool:
        """Whether `count` tokens can spell the text, or (`partly`) a text that begins with it."""
        key = (text, count, partly)
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.clear()
        if key not in self._seen:
            self._seen[key] = self._spells(text, count, partly)
        return self._seen[key]

    def _spells(self, text: str, count: int, partly: bool) -> bool:
        if partly and (text in self._beginnings or self._unknown(text)):
            return True
        if count == 1:
            return not partly and self._one(text)
        return any(
            self._one(text[:end]) and self.spells(text[end:], count - 1, partly)
            for end in range(1, len(text) + 1)
        )

    def _one(self, text: str) -> bool:
        return text in self._tokens or self._unknown(text)

    def _unknown(self, text: str) -> bool:
        return bool(self._strange) and bool(text) and self._strange.issuperset(text)


@dataclass(frozen=True)
class Pattern:
    """Literals with a gap between neighbours; each gap stands for `counts` tokens of a vocabulary.

    A pattern is matched piece by piece: `step` returns the possible states after more text, so a reader can give up as
    soon as a sentence cannot fit any more.
    """

    literals: tuple[str, ...]
    counts: tuple[int, ...] = ()
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    _seen: dict[tuple[frozenset[PatternState], str], frozenset[PatternState]] = field(default_factory=dict)

    @property
    def start(self) -> frozenset[PatternState]:
        return frozenset({(0, 0, "")})

    def backward(self) -> "Pattern":
        """The pattern of the same texts written backward."""
        literals = tuple(literal[::-1] for literal in reversed(self.literals))
        return Pattern(literals, self.counts[::-1], self.vocabulary.backward)

    def next_text(self, states: frozenset[PatternState]) -> str:
        """The text that must come next, as far as it is certain."""
        if len(states) > 1:
            return ""
        ((segment, used, _),) = states
        return "" if segment % 2 else self.literals[segment // 2][used:]

    def step(self, states: frozenset[PatternState], text: str) -> frozenset[PatternState]:
        """The possible states after `text`; empty when the text does not fit."""
        key = (states, text)
        if key not in self._seen:
            self._seen[key] = frozenset(after for state in states for after in self._after(state, text))
        return self._seen[key]

    def complete(self, states: frozenset[PatternState]) -> bool:
        """Whether the text so far is a whole match."""
        last = 2 * len(self.literals) - 2
        if (last, len(self.literals[-1]), "") in states:
            return True
        return not self.literals[-1] and any(
            segment == last - 1 and self._filled(segment, gap) for segment, _, gap in states
        )

    def _after(self, state: PatternState, text: str) -> set[PatternState]:
        segment, used, gap = state
        return self._gap(segment, gap, text) if segment % 2 else self._literal(segment, used, text)

    def _literal(self, segment: int, used: int, text: str) -> set[PatternState]:
        rest = self.literals[segment // 2][used:]
        if len(text) <= len(rest):
            return {(segment, used + len(text), "")} if rest.startswith(text) else set()
        if not text.startswith(rest) or segment == 2 * len(self.literals) - 2:
            return set()
        return self._gap(segment + 1, "", text[len(rest) :])

    def _gap(self, segment: int, gap: str, text: str) -> set[PatternState]:
        """The states after the gap takes some of the characters of `text`, and the literal behind it the rest."""
        after: set[PatternState] = set()
        following, count = self.literals[segment // 2 + 1], self.counts[segment // 2]
        for taken in range(len(text)):
            if not self.vocabulary.spells(gap + text[:taken], count, partly=True):
                return after
            # the literal is compared first, because few places of a text begin like it
            fits = text.startswith(following[: len(text) - taken], taken)
            if fits and following and self._filled(segment, gap + text[:taken]):
                after |= self._literal(segment + 1, 0, text[taken:])
        if self.vocabulary.spells(gap + text, count, partly=True):
            after.add((segment, 0, gap + text))
        return after

    def _filled(self, segment: int, gap: str) -> bool:
        return self.vocabulary.spells(gap, self.counts[segment // 2], partly=False)
