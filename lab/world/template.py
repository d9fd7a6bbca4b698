"""Templates compiled to tables: a sentence is a run of pieces, each looked up by the fillers of its slots."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from core.errors import InputError
from lab.world.facts import mentions
from lab.world.language import Language

SLOT = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
FEATURE = re.compile(r"<(\w+)\.(\w+)>")


@dataclass(frozen=True)
class Piece:
    """A part of a sentence that depends on `slots` only: its text is `table[filler, ...]`, with an axis per slot."""

    slots: tuple[int, ...]
    table: np.ndarray  # objects of type str


def compile_template(
    text: str, kinds: Sequence[str], fillers: Mapping[str, Sequence[tuple[str, ...]]], language: Language
) -> list[Piece]:
    """The pieces of a template for a relation.

    Literal text joins the piece before it. A space after an empty form (an Arabic dual, which needs no numeral)
    disappears with the form.

    Args:
        text: of the template.
        kinds: slots of the relation.
        fillers: the entities that each kind of slot ranges over, alone or in pairs; an entity that occurs twice merges
            two meanings (see `World`).
        language: gives the words.

    Raises:
        InputError: the language lacks a slot, word or form; names it.
    """
    pieces: list[Piece] = []
    position = 0
    for match in SLOT.finditer(text):
        pieces = _add_literal(pieces, text[position : match.start()])
        pieces.append(_piece(match[1], match[2] or "", kinds, fillers, language))
        position = match.end()
    pieces = _add_literal(pieces, text[position:])
    if any(mark in str(cell) for piece in pieces for cell in piece.table.flat for mark in "{}<>|"):
        raise InputError(f"template {text!r} has a bracket or bar left over")
    return pieces


def _piece(
    name: str,
    form: str,
    kinds: Sequence[str],
    fillers: Mapping[str, Sequence[tuple[str, ...]]],
    language: Language,
) -> Piece:
    speakable = mentions(kinds)
    mentioned = [feature for feature, _ in FEATURE.findall(form)] + ([name] if name in speakable else [])
    unknown = [mention for mention in mentioned if mention not in speakable]
    if unknown or (name not in speakable and name not in language.words):
        raise InputError(
            f"unknown slot {(unknown or [name])[0]!r}; slots are {', '.join(speakable)}, else [words]"
        )
    slots = tuple(sorted({speakable[mention].slot for mention in mentioned}))
    table = np.empty([len(fillers[kinds[slot]]) for slot in slots], dtype=object)
    for choice in product(*(range(size) for size in table.shape)):
        filler = {slot: fillers[kinds[slot]][i] for slot, i in zip(slots, choice, strict=True)}

        def cell(mention: str, column: str, filler: dict[int, tuple[str, ...]] = filler) -> str:
            what = speakable[mention]
            return language.tables[what.type].cell(filler[what.slot][what.member], column)

        wanted = FEATURE.sub(lambda match, cell=cell: cell(match[1], "@" + match[2]), form)
        table[choice] = cell(name, wanted) if name in speakable else language.word(name, wanted)
    return Piece(slots, table)


def _add_literal(pieces: list[Piece], literal: str) -> list[Piece]:
    if not literal:
        return pieces
    if not pieces:
        return [Piece((), np.array(literal, dtype=object))]
    last = pieces[-1]
    table = np.empty(last.table.shape, dtype=object)
    for choice in np.ndindex(table.shape):
        before = last.table[choice]
        table[choice] = before + literal if before else literal.removeprefix(" ")
    return [*pieces[:-1], Piece(last.slots, table)]


def render(pieces: Sequence[Piece], fillers: np.ndarray) -> np.ndarray:
    """Texts (n,) for slot fillers (n, slots), without capital and final mark."""
    text = np.full(len(fillers), "", dtype=object)
    for piece in pieces:
        text = text + piece.table[tuple(fillers[:, slot] for slot in piece.slots)]
    return text
