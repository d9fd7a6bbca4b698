"""Finds the columns of a table, or keys of an object, that hold text; all others are reported and not read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.errors import InputError
from core.text.corpus import language_tag
from core.text.readers.unit import LONG_COLUMNS, Notes, ReadOptions, Unit, distinct_tags, faulty

Record = Mapping[str, Any]
SAMPLE: Final = 100
"""Rows that are looked at before the columns are named."""
_ROLES = """src tgt trg source target translation translated original reference ref hypothesis hyp output input
source_text target_text src_text tgt_text sentence sentence1 sentence2 text1 text2"""
ROLES: Final = frozenset(_ROLES.split())
"""Names that say which side a text is on and not in which language; `src` is Sardinian too."""
_WORDS = """id no nr num row col key val set pos tag cat len min max sum std sim sco sid pid tid url doc seg ver rev age
day new old raw dev top low mid end pre lid ner lem alt org com net app err cor lab log txt xml csv tsv tmp bak dat aud
vid pic wav tel in is to so it as or an the and for not all one two"""
WORDS: Final = frozenset(_WORDS.split())
"""Words that name columns and are codes of languages too; the texts decide."""
ABSENT: Final = ("", None)


@dataclass(frozen=True)
class Columns:
    """The columns that hold the texts of a record.

    Attributes:
        languages: language tag by column.
        meaning: the column of the meaning.
        sentence: the columns of language and text, where a record holds one sentence.
    """

    languages: Mapping[str, str]
    meaning: str | None = None
    sentence: tuple[str, str] | None = None

    def unit(self, where: str, record: Record) -> Unit:
        """The unit that a record holds."""
        meaning = None if self.meaning is None else record.get(self.meaning)
        if self.meaning is not None and (problem := _no_meaning(meaning)):
            return faulty(where, problem)
        if self.sentence is not None:
            return _sentence(where, record[self.sentence[0]], record[self.sentence[1]], meaning)
        texts: dict[str, str] = {}
        for column, tag in self.languages.items():
            if (text := record[column]) not in ABSENT:
                if not isinstance(text, str):
                    return faulty(where, f"{column} is {_shown(text)}, not text")
                texts[tag] = text
        return Unit(where, texts, meaning, missing=len(self.languages) - len(texts))


def _sentence(where: str, language: Any, text: Any, meaning: Any) -> Unit:
    if not isinstance(text, str) or not isinstance(language, str):
        wrong = ("language", language) if isinstance(text, str) else ("text", text)
        return faulty(where, f"{wrong[0]} is {_shown(wrong[1])}, not text")
    try:
        return Unit(where, {language_tag(language): text}, meaning)
    except InputError as error:
        return faulty(where, str(error))


def _no_meaning(meaning: Any) -> str | None:
    if isinstance(meaning, bool) or not isinstance(meaning, int | str):
        return f"meaning is {_shown(meaning)}, neither a whole number nor a label"
    return None if meaning != "" else "meaning is empty"


def _shown(value: Any) -> str:
    named = {None: "null", True: "true", False: "false"}
    return str(named[value]) if value is None or isinstance(value, bool) else repr(value)[:40]


def named_columns(
    source: str, names: Sequence[str], sample: Sequence[Record], options: ReadOptions, notes: Notes
) -> Columns:
    """The columns that hold text, by the options or by their names.

    Args:
        source: the file, for messages.
        names: of the columns, in order.
        sample: the first records, which decide whether a name such as `id` is Indonesian.
        options: the caller's choice of columns.
        notes: takes the columns that are not read.

    Raises:
        InputError: no name is a language, the language of a name is unclear, or two names mean the same language.
    """
    if options.columns:
        return _columns_named(source, names, options.columns, notes)
    if set(LONG_COLUMNS) <= set(names):
        notes.ignore(source, [name for name in names if name not in LONG_COLUMNS], hint=False)
        return Columns({}, "meaning", ("language", "text"))
    languages = [name for name in names if is_language(name, sample)]
    clear = [name for name in languages if name not in ROLES]
    unclear = [
        name for name in names if name.lower() in ROLES and (len(clear) < 2 or _has_words(name, sample))
    ]
    if unclear and (len(clear) < 2 or set(unclear) & set(languages)):
        raise InputError(
            f"{source}: which languages are the columns {', '.join(unclear)}? Name them, for example "
            f"--columns {' '.join(f'{tag}={name}' for tag, name in zip(('en', 'fr', 'de'), unclear, strict=False))}"
        )
    if not clear:
        raise InputError(
            f"{source}: expected columns named by languages (en, fr) or {', '.join(LONG_COLUMNS)}, got "
            f"{_listed(names)}: name them (--columns en=NAME fr=NAME); if the first row is text already, "
            "name its languages (--languages en fr)"
        )
    meaning = "meaning" if "meaning" in names else None
    notes.ignore(source, [name for name in names if name not in clear and name != meaning])
    return Columns(dict(zip(clear, distinct_tags(clear), strict=True)), meaning)


def is_language(name: str, sample: Sequence[Record] = ()) -> bool:
    """Whether a name is a language; a name that is a common word too must have texts of several words."""
    try:
        language_tag(name)
    except InputError:
        return False
    if name.lower() in WORDS:
        return _has_words(name, sample)
    return not _numbers_only(name, sample)


def _values(name: str, sample: Sequence[Record]) -> Iterator[Any]:
    return (value for record in sample if (value := record.get(name)) not in ABSENT)


def _has_words(name: str, sample: Sequence[Record]) -> bool:
    return any(isinstance(value, str) and len(value.split()) > 1 for value in _values(name, sample))


def _numbers_only(name: str, sample: Sequence[Record]) -> bool:
    # two rows of numbers are a table of numbers; in `20,20` of a glossary they are its text
    values = list(_values(name, sample))
    return len(values) >= SAMPLE // 2 and not any(re.search(r"[^\W\d_]", str(value)) for value in values)


def _columns_named(source: str, names: Sequence[str], columns: Mapping[str, str], notes: Notes) -> Columns:
    names_by_role = {role: _column(source, names, name) for role, name in columns.items()}
    notes.ignore(source, [name for name in names if name not in names_by_role.values()], hint=False)
    if ("language" in names_by_role) != ("text" in names_by_role):
        raise InputError("expected --columns with both language=NAME and text=NAME, got one of them")
    meaning = names_by_role.pop("meaning", None)
    if "text" in names_by_role:
        return Columns({}, meaning, (names_by_role["language"], names_by_role["text"]))
    return Columns(
        dict(zip(names_by_role.values(), distinct_tags(list(names_by_role)), strict=True)), meaning
    )


def _column(source: str, names: Sequence[str], name: str) -> str:
    if name in names:
        return name
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return names[int(name) - 1]
    raise InputError(f"{source}: expected a column {name!r}, got {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(repr(name[:40]) for name in names[:12]) + more
