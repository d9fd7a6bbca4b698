"""gettext PO: messages of programs and their translations."""

import gettext
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from translate.storage import pypo

from core.errors import InputError
from core.text.readers.columns import is_language
from core.text.readers.opening import damages_named, encoding_of, open_bytes, unpacked_name
from core.text.readers.unit import Notes, ReadOptions, Unit, distinct_tags

CHARSET: Final = re.compile(rb"charset=([\w.:-]+)", re.IGNORECASE)
HEADER_BYTES: Final = 1 << 16
SOURCE: Final = "en"
"""The language of messages by the convention of gettext, where no option names another."""
MANY: Final = 100
"""A number that takes the plural form of a message in every language that has one."""


def read_po(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The messages of a PO file; a plural is a separate unit, and a fuzzy translation counts as missing.

    Obsolete entries are comments and left out.

    Raises:
        InputError: the file is no PO, or nothing names its language.
    """
    store = _store(path, options, notes)
    source, target = distinct_tags(options.languages or (SOURCE, _target(path, store)))
    form = _plural_form(store)
    for entry in store.units:
        if entry.isheader() or entry.isobsolete() or entry.isblank():
            continue
        forms = [str(text) for text in cast(list[str], getattr(entry.target, "strings", [entry.target]))]
        where = f"line {entry.line_number}"
        for text, number in zip(getattr(entry.source, "strings", [entry.source]), (1, MANY), strict=False):
            place = form(number) if entry.hasplural() else 0
            translation = "" if entry.isfuzzy() or place >= len(forms) else forms[place]
            texts = {source: str(text), target: translation}
            yield Unit(where, {tag: text for tag, text in texts.items() if text}, missing=not translation)


def _store(path: Path, options: ReadOptions, notes: Notes) -> Any:
    with damages_named(path), open_bytes(path, notes) as file:
        content = file.read()
        declared = CHARSET.search(content[:HEADER_BYTES])
        charset = declared.group(1).decode() if declared and declared.group(1) != b"CHARSET" else None
        text = content.decode(encoding_of(content[:4], options.encoding or charset))
    try:
        # the library decodes again by the header
        return pypo.pofile.parsestring(CHARSET.sub(b"charset=UTF-8", text.encode(), count=1))
    except (ValueError, UnicodeError) as error:
        raise InputError(f"{path} is no PO file ({error}): mend it") from error


def _target(path: Path, store: Any) -> str:
    """The language of the translations, by the header or the file's name: `de.po`, `app.de.po`, `app.en-de.po`."""
    named = Path(unpacked_name(path)).stem
    for name in (store.gettargetlanguage(), *re.split(r"[.\-]", named)[::-1], named):
        if name and name != SOURCE and is_language(name):
            return str(name)
    raise InputError(
        f"expected the header of {path} to name its language, got none: name source and target, for example "
        "--languages en de"
    )


def _plural_form(store: Any) -> Callable[[int], int]:
    _, rule = store.getheaderplural()
    return gettext.c2py(rule) if rule else lambda number: int(number != 1)  # pyright: ignore
