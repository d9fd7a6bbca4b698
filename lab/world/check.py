"""Checks a language file for missing and misspelt entries, and for sentences that could be misread."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import InputError
from lab.world.facts import FOLDER, Facts, entities, mentions, relations
from lab.world.language import LANGUAGES, Language, Table, read_language
from lab.world.pattern import Pattern
from lab.world.reading import WorldReader
from lab.world.template import SLOT, compile_template
from lab.world.verbaliser import Verbaliser

LEAST_TEMPLATES = 2
READ_BACK = 20  # random sentences per template that are read back against all facts of the world


def check(language: str | Path, exhaustive: bool = True) -> list[str]:
    """Problems of a language, one line each; empty when all is well.

    The check finds missing words, forms and templates, unknown slots, forms that no template uses, text that is not in
    NFC, two entities with the same form, and sentences that tell two facts.

    Args:
        language: a tag out of `LANGUAGES`, or the path of a new language file.
        exhaustive: also compares all sentences of all facts.

    Raises:
        InputError: there is no such language.
    """
    path = language if isinstance(language, Path) else FOLDER / "languages" / f"{language}.toml"
    if not path.is_file():
        raise InputError(f"no language file {path.name}; this world has {', '.join(LANGUAGES)}")
    try:
        parsed = read_language(path)
    except InputError as error:
        return [str(error)]
    problems = [*_spelling(path.read_text(encoding="utf-8")), *_rows(parsed), *_templates(parsed)]
    return problems or [
        *_unused(parsed),
        *_shared_forms(parsed),
        *_misread(parsed),
        *(_collisions(parsed) if exhaustive else ()),
    ]


def _spelling(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if unicodedata.normalize("NFC", line) != line:
            yield f"line {number} is not in Unicode normal form NFC: {line.strip()}"


def _rows(language: Language) -> Iterator[str]:
    for kind, names in entities().items():
        rows = language.tables[kind].rows if kind in language.tables else {}
        yield from (f"[{kind}] has no row for {name}" for name in names if name not in rows)
        yield from (f"[{kind}] {name} is no entity of that type" for name in rows if name not in names)
    yield from (f"[{kind}] is no type of entity" for kind in language.tables if kind not in entities())


def _all_facts(language: Language) -> Verbaliser:
    """The verbaliser of all facts in a language, role facts too, in every wording."""
    return Verbaliser(language, Facts.load(names=tuple(relations())), paraphrases=True)


def _templates(language: Language) -> Iterator[str]:
    fillers = _all_facts(language).fillers
    yield from (
        f"templates for {name}, which is no relation"
        for name in language.templates
        if name not in relations()
    )
    for name, kinds in relations().items():
        texts = language.templates.get(name, [])
        if len(texts) < LEAST_TEMPLATES:
            yield f"{name} has {len(texts)} templates, needs {LEAST_TEMPLATES} or more"
        for text in texts:
            slots_named = {match[1] for match in SLOT.finditer(text)}
            yield from (
                f"{name}: {text!r} does not tell {each}"
                for each in mentions(kinds)
                if each not in slots_named
            )
            try:
                compile_template(text, kinds, fillers, language)
            except (InputError, KeyError) as error:
                yield f"{name}: {text!r}: {error}"


def _unused(language: Language) -> Iterator[str]:
    """Columns and words that no compiled template uses, mostly misspelt names."""
    texts = [text for texts in language.templates.values() for text in texts]
    used = {match[1] for text in texts for match in SLOT.finditer(text)}
    yield from (f"[words] {word} is used by no template" for word in language.words if word not in used)
    for kind, table in language.tables.items():
        for column in table.columns:
            if column not in table.used:
                yield f"[{kind}] column {column!r} is used by no template"


def _shared_forms(language: Language) -> Iterator[str]:
    """Forms that two entities share; allowed only where another word of the sentence tells the entities apart."""
    for kind, table in language.tables.items():
        for position, column in enumerate(table.columns):
            if not column.startswith("@"):
                yield from _shared(kind, column, position, table)


def _shared(kind: str, column: str, position: int, table: Table) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, row in table.rows.items():
        owner_name = owner.setdefault(row[position], name)
        if owner_name != name and row[position]:
            yield f"[{kind}] {owner_name} and {name} share the form {row[position]!r} in column {column}"


def _misread(language: Language) -> Iterator[str]:
    """Sentences that do not read back as their own fact, among all facts and wordings of the world."""
    verbaliser = _all_facts(language)
    facts, reader = verbaliser.facts, WorldReader({language.tag: verbaliser}, 1)
    rng = np.random.default_rng(0)
    for row, templates in enumerate(verbaliser.templates):
        for choice in (np.arange(len(templates)) + 0.5) / len(templates):
            numbers = rng.integers(facts.offsets[row], facts.offsets[row + 1], READ_BACK)
            for number, text in zip(numbers, _texts(verbaliser, numbers, choice), strict=True):
                read_as = sorted({reading.meaning for reading in reader.read(Pattern((text,)))})
                if read_as != [number]:
                    yield f"{facts.relations[row]}: {text!r} tells {len(read_as)} facts"
                if language.join in text:
                    yield f"{facts.relations[row]}: {text!r} contains {language.join!r}, which joins facts"


def _collisions(language: Language) -> Iterator[str]:
    """Equal sentences of different facts, found by 64-bit hashes, which err towards alarm only."""
    verbaliser = _all_facts(language)
    facts = verbaliser.facts
    batches = [
        (numbers, choice)
        for row, templates in enumerate(verbaliser.templates)
        for choice in (np.arange(len(templates)) + 0.5) / len(templates)
        for numbers in np.array_split(np.arange(facts.offsets[row], facts.offsets[row + 1]), 4)
    ]
    hashes = [np.fromiter(map(hash, _texts(verbaliser, *batch)), np.int64) for batch in batches]
    distinct, rows, times = np.unique(np.concatenate(hashes), return_index=True, return_counts=True)
    for index in rows[times > 1][:5]:
        ends = np.cumsum([len(batch_hashes) for batch_hashes in hashes])
        batch = int(np.searchsorted(ends, index, side="right"))
        text = _texts(verbaliser, *batches[batch])[index - ends[batch]]
        yield f"{text!r} tells 2 facts or more, like {(times > 1).sum()} of {len(distinct)} sentences"


def _texts(verbaliser: Verbaliser, numbers: np.ndarray, choice: float) -> np.ndarray:
    return verbaliser.texts([numbers], np.full((len(numbers), 1), choice))
