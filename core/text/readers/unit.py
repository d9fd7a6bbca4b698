"""Units of the input, which readers yield, and their notes about the input."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from core.errors import InputError
from core.text.corpus import language_tag

LONG_COLUMNS: Final = ("meaning", "language", "text")


class Unit(NamedTuple):
    """One line, row, object or entry of the input: texts by language, which translate each other.

    Attributes:
        where: its place, for people.
        texts: by language tag; translations that are missing are left out.
        meaning: a number or label that other units share; None is a meaning that no other unit has.
        problem: why the unit cannot be read.
        missing: translations that the unit has a place for and does not hold.
    """

    where: str
    texts: Mapping[str, str]
    meaning: int | str | None = None
    problem: str | None = None
    missing: int = 0


def faulty(where: str, problem: str) -> Unit:
    """A unit that cannot be read."""
    return Unit(where, {}, problem=problem)


@dataclass(frozen=True)
class ReadOptions:
    """Options for files that do not describe themselves.

    Attributes:
        languages: of line-aligned files in their order, of the columns of a table without header, or of the two sides
            of a file that names no language.
        columns: column by language, or by `meaning`, `language` and `text`: a name, or a number from 1.
        header: the first row names columns, although `languages` or numbers name them too.
        quotes: whether quotation marks enclose cells; `auto` is `enclose` for .csv and `text` for all else.
        encoding: of text; None is UTF-8, or what a byte-order mark says.
        config, split: of a Hugging Face data set.
    """

    languages: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    header: bool = False
    quotes: Literal["auto", "enclose", "text"] = "auto"
    encoding: str | None = None
    config: str | None = None
    split: str | None = None


@dataclass
class Notes:
    """Notes of readers beside their units.

    Attributes:
        say: called with a sentence for people.
        ignored: columns and keys that are no text, in the order in which they were met.
        bytes_read: of the files, before they are unpacked.
    """

    say: Callable[[str], None] = lambda sentence: None
    ignored: dict[str, None] = field(default_factory=dict[str, None])
    bytes_read: int = 0

    def ignore(self, source: str, columns: Sequence[str], hint: bool = True) -> None:
        """Reports each column that is not read, once."""
        unknown = [column for column in columns if column not in self.ignored]
        self.ignored.update(dict.fromkeys(unknown))
        if unknown and hint:
            self.say(f"{source}: not read, because no languages: {', '.join(unknown)} (--columns reads them)")


def distinct_tags(names: Sequence[str]) -> list[str]:
    """The language tags of names that stand side by side: columns, keys, files, sides of a unit.

    Raises:
        InputError: a name is no language, or two names mean the same language.
    """
    tags = [language_tag(name) for name in names]
    for tag in tags:
        same = [name for name, other_tag in zip(names, tags, strict=True) if other_tag == tag]
        if len(same) > 1:
            raise InputError(
                f"expected a different language for each text, got {tag} twice ({', '.join(same)}): "
                "keep one, or name the languages with --languages or --columns"
            )
    return tags
