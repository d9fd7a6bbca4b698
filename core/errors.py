"""The one exception that means: the user's input is at fault, not the program."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """The user's mistake, in one line: what was expected, what came, what to do.

    The command line prints the line without a traceback and exits with code 2; every other exception is a fault of the
    program and exits with code 1.
    """


def unknown(kind: str, name: object, known: Iterable[str]) -> InputError:
    """The error for a name that does not exist, with the nearest one that does.

    >>> print(unknown("a recipe", "toys", ["toy", "small"]))
    expected a recipe out of toy, small, got 'toys'; did you mean toy?
    """
    names = list(known)
    near = difflib.get_close_matches(str(name), names, 1)
    return InputError(
        f"expected {kind} out of {', '.join(names)}, got {name!r}{f'; did you mean {near[0]}?' if near else ''}"
    )
