"""Which characters of a sentence tell which slot of its facts: the exact alignment of a world's translations."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lab.world.facts import mentions
from lab.world.template import SLOT, Piece
from lab.world.verbaliser import Verbaliser


class SlotSpan(NamedTuple):
    """Characters `start` to `end` of a sentence name the filler of a slot; `slot` is the same in all languages."""

    slot: str
    start: int
    end: int


def slot_spans(verbaliser: Verbaliser, facts: Sequence[int]) -> list[SlotSpan]:
    """The spans of the sentence that tells one or two facts in the first wording of each relation.

    Words that name no slot, such as verbs and prepositions, have no span.
    """
    spans: list[SlotSpan] = []
    begin, text = 0, ""
    for number, fact in enumerate(facts):
        if number:
            text += verbaliser.language.join
        begin = len(text)
        (relation,), fillers = verbaliser.facts.unpack(np.array([fact]))
        pieces = verbaliser.templates[relation][0]
        template = verbaliser.language.templates[verbaliser.facts.relations[relation]][0]
        names = set(mentions(verbaliser.facts.slots[relation]))
        for name, start, end in _clause_spans(template, pieces, fillers[0], names):
            spans.append(SlotSpan(f"{number}.{name}", begin + start, begin + end))
        text += "".join(_text(piece, fillers[0]) for piece in pieces)
    # a capital may be longer than the letter that it stands for
    grown = len(verbaliser.language.finish(text)) - len(text) - len(verbaliser.language.end)
    return [SlotSpan(slot, start + grown * (start > 0), end + grown) for slot, start, end in spans]


def _clause_spans(
    template: str, pieces: Sequence[Piece], fillers: np.ndarray, names: set[str]
) -> Iterator[tuple[str, int, int]]:
    """The slot that each piece names, and where its words begin and end in the clause."""
    matches = list(SLOT.finditer(template))
    ends = [*(match.start() for match in matches[1:]), len(template)]
    # a literal before the first slot is a piece of its own
    opening = len(pieces) - len(matches)
    position = sum(len(_text(piece, fillers)) for piece in pieces[:opening])
    for match, end, piece in zip(matches, ends, pieces[opening:], strict=True):
        text, literal = _text(piece, fillers), template[match.end() : end]
        # an empty form has lost the space behind it, so what is left is not longer than the literal
        words = max(0, len(text) - len(literal))
        if words and match[1] in names:
            yield match[1], position, position + words
        position += len(text)


def _text(piece: Piece, fillers: np.ndarray) -> str:
    return str(piece.table[tuple(fillers[slot] for slot in piece.slots)])
