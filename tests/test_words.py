"""The words of the code: a name says what it holds, and a sentence has a subject."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FOLDERS: Final = ("core", "lab", "app", "tests")
NAMELESS: Final = frozenset(
    ("asked", "chosen", "found", "first", "here", "kept", "made", "mine", "one", "other", "own", "told")
)
"""Participles and pronouns: as names they do not say what is held."""
ALLOWED: Final = {
    ("core/information/bounds/variational.py", "mine"),  # MINE, the estimator of Belghazi et al. 2018
    ("core/information/estimators/critics.py", "mine"),
    ("lab/cli/doctor.py", "found"),  # a key of the JSON document
    ("lab/store/turns.py", "asked"),  # a key of a file
}
BEGINS_WITH_OF: Final = re.compile(r"(?:\A|(?<=[^.][.!?])\s+|\n\s*\n)\s*[Oo]f\b")


def sources() -> Iterator[tuple[str, str]]:
    """The name and the text of every file."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def bound_names(text: str) -> Iterator[tuple[int, str]]:
    """Lines and names of all variables, parameters, attributes, functions, classes and aliases that a text binds."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Lines and texts of the docstrings of modules, classes, functions and fields, and of the comments."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield node.lineno, docstring
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.removeprefix("#").strip()


@pytest.mark.parametrize(
    "text",
    [
        "made = 1", "self.made = 1", "def made(): ...", "def f(made): ...", "lambda made: 1", "[1 for made in x]",
        "import x as made", "class made: ...", "with x as made: ...", "for made, y in x: ...", "(made := 1)",
        "made: int", "try: ...\nexcept E as made: ...",
    ],
)  # fmt: skip
def test_every_way_to_bind_a_name_is_seen(text):
    assert "made" in [name for _, name in bound_names(text)]


def test_no_name_is_a_participle_or_a_pronoun():
    nameless = [
        f"{file}:{line}: {name}"
        for file, text in sources()
        for line, name in bound_names(text)
        if name in NAMELESS and (file, name) not in ALLOWED
    ]
    assert not nameless, "name what is held (rows, message, settings, ...):\n" + "\n".join(nameless)


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ('"""Of a step, the loss."""', True),
        ('"""A step. Of it the loss."""', True),
        ('"""A step.\n\n    Of it the loss."""', True),
        ("x = 1  # of a step", True),
        ('"""The loss\n    of a step. The sum of all."""', False),
        ('x = "Of a step"', False),
    ],
)
def test_a_sentence_that_begins_with_of_is_seen(text, faulty):
    assert any(BEGINS_WITH_OF.search(sentence) for _, sentence in prose(text)) == faulty


def test_no_sentence_of_a_docstring_or_comment_begins_with_of():
    headless = [
        f"{file}:{line}: {text.strip().splitlines()[0][:80]}"
        for file, source in sources()
        for line, text in prose(source)
        if BEGINS_WITH_OF.search(text)
    ]
    assert not headless, "begin with the noun or with a verb:\n" + "\n".join(headless)
