"""Translation memories and localisation files in XML: TMX and XLIFF, streamed.

Nothing outside the file is opened and no entity is expanded: a text that uses one is refused.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from core.errors import InputError
from core.text.readers.opening import damages_named, open_bytes
from core.text.readers.unit import Notes, ReadOptions, Unit, distinct_tags, faulty

CODES: Final = frozenset({"bpt", "ept", "it", "ph", "ut", "sub", "x", "bx", "ex", "sc", "ec", "cp"})
"""Elements inside a text whose content is code of the document and not text."""
UNTRANSLATED: Final = frozenset({"new", "needs-translation"})
"""States of an XLIFF 1.2 target that still holds the source text."""
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def _elements(
    path: Path, options: ReadOptions, notes: Notes, names: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """Beginnings and ends of the elements with these names; an element that has ended is freed.

    Raises:
        InputError: the file is no well-formed XML.
    """
    with damages_named(path), open_bytes(path, notes) as file:
        events = etree.iterparse(
            file,
            events=("start", "end"),
            tag=[f"{{*}}{name}" for name in names],
            encoding=options.encoding,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        try:
            for event, element in events:
                yield event, element
                if event == "end":
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise InputError(f"{path} is no well-formed XML ({error.msg}): mend it") from error


def _forget(element: Any) -> None:
    # otherwise its parent keeps the elements before it
    element.clear(keep_tail=True)
    while element.getprevious() is not None:
        del element.getparent()[0]


def read_tmx(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The translation units of a TMX file, in any number of languages.

    Raises:
        InputError: the file is no well-formed XML.
    """
    # the parts of a unit are read when it ends, so they must not be forgotten before
    for event, element in _elements(path, options, notes, ["tu"]):
        if event == "end":
            variants = element.findall("{*}tuv")
            languages = [variant.get(LANGUAGE) or variant.get("lang") or "" for variant in variants]
            yield _unit(
                f"unit in line {element.sourceline}",
                languages,
                [variant.find("{*}seg") for variant in variants],
            )


def read_xliff(path: Path, options: ReadOptions, notes: Notes) -> Iterator[Unit]:
    """The units of an XLIFF 1.2 file, or the segments of an XLIFF 2 file: source and target.

    Raises:
        InputError: the file is no well-formed XML, or neither file nor options name the languages.
    """
    languages = list(options.languages)
    for event, element in _elements(path, options, notes, ["xliff", "file", "trans-unit", "segment", "unit"]):
        kind = etree.QName(element).localname
        if event == "start" and kind in ("xliff", "file") and not options.languages:
            languages = _sides(element) or languages
        elif event == "end" and kind in ("trans-unit", "segment"):
            if len(languages) != 2:
                raise InputError(
                    f"{path} does not say its languages: name source and target, for example --languages en de"
                )
            target = element.find("{*}target")
            if target is not None and target.get("state") in UNTRANSLATED:
                target = None
            where = f"unit in line {element.sourceline}"
            yield _unit(where, languages, [element.find("{*}source"), target])


def _sides(element: Any) -> list[str]:
    """The languages named by a file element of XLIFF 1.2 or by the root of XLIFF 2."""
    sides = [
        element.get("source-language") or element.get("srcLang"),
        element.get("target-language") or element.get("trgLang"),
    ]
    return [side for side in sides if side]


def _unit(where: str, languages: Sequence[str], elements: Sequence[Any]) -> Unit:
    present = [pair for pair in zip(languages, elements, strict=True) if pair[1] is not None]
    try:
        tags = distinct_tags([language for language, _ in present])
        texts = [" ".join(_text(element).split()) for _, element in present]
    except InputError as error:
        return faulty(where, str(error))
    missing = len(elements) - sum(bool(text) for text in texts)
    return Unit(where, {tag: text for tag, text in zip(tags, texts, strict=True) if text}, missing=missing)


def _text(element: Any) -> str:
    """The text in an element without the code of the document in it.

    Raises:
        InputError: the text uses an entity.
    """
    parts = [element.text or ""]
    for child in element:
        if child.tag is etree.Entity:
            raise InputError(f"uses the entity {child.text}, and entities are not expanded")
        if isinstance(child.tag, str) and etree.QName(child).localname not in CODES:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)
