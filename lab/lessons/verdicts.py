"""Verdicts on exercises: what is right, or what is wrong and where to look. A check never raises."""

import math
from collections.abc import Mapping
from typing import Any, Final

MISTAKEN: Final = 0.05
"""Largest relative distance from the number of a mistake at which an answer is taken for that mistake."""


class Verdict(str):
    """A sentence that a notebook shows without quotes; it begins with `right`, `not yet` or `wrong`."""

    def __repr__(self) -> str:
        return str(self)

    @property
    def passed(self) -> bool:
        """Whether the answer was right."""
        return self.startswith("right")


def right(why: str) -> Verdict:
    """The verdict that an answer is right; `why` says the reason."""
    return Verdict(f"right: {why}")


def wrong(why: str) -> Verdict:
    """The verdict that an answer is wrong; `why` says in what way, and where to look."""
    return Verdict(f"wrong: {why}")


def not_yet(request: str) -> Verdict:
    """The verdict that there is no answer yet; `request` says what is asked for."""
    return Verdict(f"not yet: {request}")


def number(answer: Any) -> float | None:
    """A finite number out of what a reader gave, or None.

    >>> number("2.5"), number(None), number([1, 2])
    (2.5, None, None)
    """
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def judged(
    answer: Any,
    expected: float,
    within: float,
    why: str,
    hint: str,
    mistakes: Mapping[str, float] | None = None,
) -> Verdict:
    """The verdict on a number: right within so much; else the mistake whose value it has, or the hint.

    Args:
        answer: what the reader gave; None while there is nothing.
        expected: the right number.
        within: how far from it is right still, in the same unit.
        why: it is right, in words.
        hint: where to look when it is wrong.
        mistakes: what went wrong, by the number that it leads to; as near to it, relatively, as is right still.

    >>> judged(6.0, 4.16, 0.01, "log 64", "log of what?", {"these are bits": 6.0})
    wrong: 6 is off: these are bits
    >>> judged(4.16, 64, 2, "exp 4.16", "solve log N = 4.16", {"2 to that power": 17.9})
    wrong: 4.16 is too low; solve log N = 4.16
    """
    if answer is None or answer is ...:
        return not_yet(f"put a number in place of the dots; {hint}")
    value = number(answer)
    if value is None:
        return wrong(f"expected one finite number, got {type(answer).__name__} {str(answer)[:40]!r}; {hint}")
    if abs(value - expected) <= within:
        return right(why)
    nearness = min(within / abs(expected), MISTAKEN) if expected else MISTAKEN
    for mistake, leads_to in (mistakes or {}).items():
        if abs(value - leads_to) <= nearness * abs(leads_to):
            return wrong(f"{_shown(value)} is off: {mistake}")
    return wrong(f"{_shown(value)} is too {'high' if value > expected else 'low'}; {hint}")


def _shown(value: float) -> str:
    """An answer, rounded to four digits; thousands in full."""
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e15 else f"{value:.4g}"
