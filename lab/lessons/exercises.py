"""Exercises as data: the right answer and the numbers of common mistakes; their words stand in `exercises.toml`.

One `check` judges every answer. It never raises.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

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


class Exercise(Protocol):
    """What `check` needs of an exercise."""

    @property
    def request(self) -> str:
        """What to answer, for a reader who has not."""
        ...

    def verdict(self, answer: Any) -> str:
        """Judgement on an answer: a sentence that begins with `right` or `wrong`."""
        ...


def check(answer: Any, exercise: Exercise) -> Verdict:
    """Verdict on an answer: right and why, the mistake that was made, or where to look; None and `...` are no answer.

    >>> check(6.0, Numbers("information.ceiling", 4.16, {"candidates": 64, "bits": 6.0}))
    wrong: 6 is off: these are bits: take the natural logarithm
    >>> check(..., Subset("layers.untrained", {3}, {1: 0.2, 2: 0.1, 3: 0.0}))
    not yet: give the numbers of those layers as a list, such as [1, 2], out of 1, 2, 3
    """
    if answer is None or answer is ...:
        return Verdict(f"not yet: {exercise.request}")
    return Verdict(exercise.verdict(answer))


@dataclass(frozen=True)
class Numbers:
    """An exercise that is answered by a number, or by several in a given order.

    Args:
        key: of its words: lesson and exercise.
        expected: the right number, or numbers.
        values: numbers of mistakes and of the words, by name.
    """

    key: str
    expected: Any
    values: Mapping[str, Any]

    @property
    def request(self) -> str:
        return f"put {self._amount} in place of the dots; {self._say('hint')}"

    @property
    def _amount(self) -> str:
        count = np.size(self.expected)
        return f"{count} numbers" if np.ndim(self.expected) else "a number"

    def verdict(self, answer: Any) -> str:
        expected, given = np.asarray(self.expected, float), finite(answer)
        if given is None or given.shape != expected.shape:
            amount = self._amount.replace("a number", "one finite number")
            return f"wrong: expected {amount}, got {str(answer)[:40]!r}; {self._say('hint')}"
        within = self._within()
        if np.all(np.abs(given - expected) <= within):
            return f"right: {self._say('right')}"
        nearness = np.minimum(within / np.abs(expected), MISTAKEN) if expected.all() else MISTAKEN
        for name, mistake in words(self.key).get("mistakes", {}).items():
            leads_to = np.asarray(self._values[name], float)
            if np.all(np.abs(given - leads_to) <= nearness * np.abs(leads_to)):
                return f"wrong: {_shown(given)} is off: {mistake}"
        return f"wrong: {_direction(given, expected, within)}; {self._say('hint')}"

    def _within(self) -> Any:
        """How far from the right number is right still; the words give it in its unit, or in percent of the number."""
        within = words(self.key)["within"]
        if not isinstance(within, str):
            return within
        return float(within.removesuffix("%")) / 100 * np.abs(np.asarray(self.expected, float))

    @property
    def _values(self) -> dict[str, Any]:
        answer = np.asarray(self.expected, float)
        of_answer = {"percent": 100 * answer, "share": answer / 100, "sign": -answer}
        return {**of_answer, "expected": self.expected, **self.values}

    def _say(self, key: str) -> str:
        return words(self.key)[key].format_map(self._values)


@dataclass(frozen=True)
class Choice:
    """An exercise that is answered by one of several options.

    Args:
        key: of its words.
        options: values of the words for each.
        right: the options that are right.
    """

    key: str
    options: Mapping[Any, Mapping[str, Any]]
    right: Collection[Any]

    @property
    def request(self) -> str:
        return words(self.key)["request"].format(options=_listed(self.options))

    def verdict(self, answer: Any) -> str:
        option = _option(answer, self.options)
        if option is None:
            return f"wrong: {self.request}; got {str(answer)[:40]!r}"
        judged = "right" if option in self.right else "wrong"
        return f"{judged}: {words(self.key)[judged].format_map(self.options[option])}"


@dataclass(frozen=True)
class Subset:
    """An exercise that is answered by a set out of several options.

    Args:
        key: of its words.
        expected: the right set.
        options: for each a number that tells about it, `gradient` in the words.
        values: numbers of the words, by name.
    """

    key: str
    expected: Collection[Any]
    options: Mapping[Any, Any]
    values: Mapping[str, Any] | None = None

    @property
    def request(self) -> str:
        return words(self.key)["request"].format(options=_listed(self.options))

    def verdict(self, answer: Any) -> str:
        collection = isinstance(answer, Collection) and not isinstance(answer, str | bytes)
        given = [_option(each, self.options) for each in answer] if collection else [None]
        if None in given:
            return f"wrong: {self.request}; got {str(answer)[:40]!r}"
        said, values = words(self.key), dict(self.values or {})
        for extra in given:
            if extra not in self.expected:
                return f"wrong: {said['extra'].format(extra=extra, gradient=self.options[extra], **values)}"
        missing = len(set(self.expected) - set(given))
        judged = f"wrong: {said['missing']}" if missing else f"right: {said['right']}"
        return judged.format(missing=missing, **values)


def tied_for_best(key: str, table: pd.DataFrame) -> Choice:
    """An exercise on the highest value of a table; options are its index, and those whose intervals overlap are tied.

    Args:
        key: of its words.
        table: columns value, low, high and others that the words use.
    """
    best = table.iloc[int(table["value"].to_numpy().argmax())]
    highest = {"best": best["value"], "best_low": best["low"], "best_high": best["high"]}
    rows = [{**row, **highest} for row in table.to_dict("records")]
    return Choice(
        key, dict(zip(table.index, rows, strict=True)), table.index[table["high"] >= best["low"]].tolist()
    )


@cache
def _all_words() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("exercises.toml").read_text(encoding="utf-8"))


def words(key: str) -> dict[str, Any]:
    """The words of an exercise: `lesson.exercise`."""
    lesson, exercise = key.split(".")
    return _all_words()[lesson][exercise]


def finite(answer: Any) -> np.ndarray | None:
    """Finite numbers out of what a reader gave, or None.

    >>> finite("2.5"), finite([1, 2]), finite("many"), finite(float("nan"))
    (array(2.5), array([1., 2.]), None, None)
    """
    try:
        values = np.asarray(answer, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return None
    return values if np.isfinite(values).all() else None


def _option(answer: Any, options: Mapping[Any, Any]) -> Any:
    """The option that an answer names, words in any case; None where there is none."""
    try:
        return {_plain(option): option for option in options}.get(_plain(answer))
    except TypeError:
        # what cannot be hashed is no option
        return None


def _plain(value: Any) -> Any:
    """An answer without numpy's types, capitals or spaces around it."""
    if isinstance(value, tuple | list):
        return tuple(_plain(part) for part in value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value.strip().lower() if isinstance(value, str) else value


def _listed(options: Collection[Any]) -> str:
    return ", ".join(str(option) for option in options)


def _direction(given: np.ndarray, expected: np.ndarray, within: Any) -> str:
    if given.ndim:
        return f"number {int(np.flatnonzero(np.abs(given - expected) > within)[0]) + 1} is off"
    return f"{_shown(given)} is too {'high' if given > expected else 'low'}"


def _shown(given: np.ndarray) -> str:
    """An answer, rounded to four digits; thousands in full."""
    if given.ndim:
        return "the list"
    return f"{given:,.0f}" if 1_000 <= abs(given) < 1e15 else f"{given:.4g}"
