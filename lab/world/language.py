"""A language: one TOML file with its words, their forms, and its templates.

A lexicon table has a header and one row per entity, cells divided by `|`:

    [object]
    columns = "@gender | acc | few | many"
    book    = "f | книгу | книги | книг"

A column that begins with `@` is a feature; others can agree with it. The rest are forms, the first one is
the default. A header cell may name several forms (`few.m, few.n`) and use `*` for any run of characters.
`[words]` holds what belongs to no entity: a string, or forms by name, `bought = {m = "купил", f = "купила"}`.
`[templates]` tells each relation in at least two ways, without capital or final mark; `[sentence]` has those.
A template speaks of slots and words: `{object}`, `{object:many}`, `{bought:<person.gender>}`; in a role fact
`{person}` and `{other}` are the two people, both told in the words of `[person]`. What stands in
`<...>` is replaced by that feature of that slot's entity, which is all there is to agreement.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from core.errors import InputError
from lab.world.facts import FOLDER

LANGUAGES: tuple[str, ...] = tuple(sorted(path.stem for path in (FOLDER / "languages").glob("*.toml")))


class MissingForm(InputError):
    """A template asks for a form, feature or word that the language's file does not give."""


@dataclass(frozen=True)
class Table:
    """The words for one type: features and forms of each entity."""

    kind: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    _positions: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, kind: str, data: dict[str, str]) -> "Table":
        rows = {key: tuple(cell.strip() for cell in line.split("|")) for key, line in data.items()}
        columns = rows.pop("columns", ("form",))
        for key, row in rows.items():
            if len(row) != len(columns):
                raise MissingForm(f"[{kind}] {key} has {len(row)} cells, its header {len(columns)}")
        return cls(kind, columns, rows)

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(column for column in self.columns if not column.startswith("@"))

    @property
    def used(self) -> set[str]:
        """The columns that `cell` has read so far."""
        return {self.columns[position] for position in self._positions.values()}

    def cell(self, entity: str, name: str) -> str:
        """The form `name` of an entity (`""`: the first form), or its feature if the name begins with `@`."""
        if entity not in self.rows:
            raise MissingForm(f"[{self.kind}] has no row for {entity}")
        if name not in self._positions:
            self._positions[name] = self._column(name)
        return self.rows[entity][self._positions[name]]

    def _column(self, name: str) -> int:
        if name == "" and self.forms:
            return self.columns.index(self.forms[0])
        matching = [
            position
            for position, column in enumerate(self.columns)
            if any(fnmatchcase(name, pattern.strip()) for pattern in column.split(","))
        ]
        if len(matching) != 1:
            count = "two columns" if matching else "no column"
            raise MissingForm(f"[{self.kind}] has {count} for {name!r}; it has {' | '.join(self.columns)}")
        return matching[0]


@dataclass(frozen=True)
class Language:
    """A language's names, lexicon, function words and templates."""

    tag: str
    name: str
    english_name: str
    tables: dict[str, Table]
    words: dict[str, str | dict[str, str]]
    templates: dict[str, list[str]]
    end: str
    join: str
    capitals: dict[str, str]

    def word(self, name: str, form: str) -> str:
        forms = self.words[name]
        if isinstance(forms, str):
            return forms
        if form not in forms:
            raise MissingForm(f"[words] {name} has no form {form!r}; it has {', '.join(forms)}")
        return forms[form]

    def finish(self, text: str) -> str:
        """The text with a capital at the front and the final mark at the end."""
        initial = text[:1]
        return self.capitals.get(initial, initial.upper()) + text[1:] + self.end


def read_language(path: Path) -> Language:
    """Reads a language file.

    Raises:
        InputError: the file is no TOML or lacks a section.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        sentence = data.pop("sentence")
        marks = {"end": sentence["end"], "join": sentence["join"], "capitals": sentence.get("capitals", {})}
        words, templates = data.pop("words"), data.pop("templates")
        names = {key: data.pop(key) for key in ("name", "english_name")}
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise InputError(f"{path.name} is no complete language file: {error}") from None
    tables = {kind: Table.read(kind, rows) for kind, rows in data.items()}
    words = {name: forms if isinstance(forms, str) else dict(_flat(forms)) for name, forms in words.items()}
    return Language(path.stem, **names, tables=tables, words=words, templates=templates, **marks)


def _flat(forms: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Joins names such as `du.f`, which TOML reads as a table in a table, to one name again."""
    for name, value in forms.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@cache
def load_language(tag: str) -> Language:
    """Loads the language with this tag.

    Raises:
        InputError: there is no file for it.
    """
    if tag not in LANGUAGES:
        raise InputError(f"no language {tag!r} in this world; it has {', '.join(LANGUAGES)}")
    return read_language(FOLDER / "languages" / f"{tag}.toml")
