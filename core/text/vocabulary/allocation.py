"""How the room of a shared vocabulary is given to languages: VoCap (Zheng et al. 2021), or the same size for all.

max sum_i w_i ALP_i(t_i) over sizes t_i, so that the union of the vocabularies has at most so many pieces; w ~ q^beta,
q ~ n^alpha. A piece that several languages have counts once in the union; gains do not know of that, as released.

Departures from the released code, each on purpose: weights count whatever beta is, where the released code leaves them
out without --rescale (but normalises them again whenever beta is not 1); `<unk>`, `<s>` and `</s>` of each language are
no pieces of the union; where all languages have their largest vocabulary and room is left, it stays empty, where the
released code stops or fills it with English.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.text.arrays import IntArray
from core.text.vocabulary.curves import Curve


@dataclass(frozen=True)
class Step:
    """A language goes on to its next size.

    Attributes:
        language: tag.
        size: its new size.
        price: weighted gain of a piece of this step in nats.
        union: pieces of all languages together, after it.
    """

    language: str
    size: int
    price: float
    union: int


@dataclass(frozen=True)
class Allocated:
    """How much each language has got.

    Attributes:
        sizes: pieces by language.
        union: pieces of all together.
        steps: of the greedy search, in order; empty for others.
        exhausted: languages that have the largest vocabulary of their curve.
    """

    sizes: dict[str, int]
    union: int
    steps: tuple[Step, ...] = ()
    exhausted: tuple[str, ...] = ()

    @property
    def price(self) -> float | None:
        """What the last piece brought, in weighted nats; None where no language went beyond its smallest size."""
        return self.steps[-1].price if self.steps else None

    @property
    def shared(self) -> int:
        """Places that pieces of several languages save."""
        return sum(self.sizes.values()) - self.union


def language_weights(counts: Mapping[str, int], alpha: float = 0.7, beta: float = 0.7) -> dict[str, float]:
    """q_i^beta / sum_j q_j^beta with q_i = n_i^alpha / sum_j n_j^alpha.

    Args:
        counts: sentences n by language, above 0.
        alpha: exponent that text is drawn with; 0 draws all languages alike.
        beta: 0 weighs all languages alike, 1 as they are drawn.

    Example:
        >>> language_weights({"en": 9, "sw": 1}, alpha=1.0, beta=0.5)
        {'en': 0.75, 'sw': 0.25}
    """
    powers = {language: float(count) ** (alpha * beta) for language, count in counts.items()}
    total = sum(powers.values())
    return {language: power / total for language, power in powers.items()}


def vocap_sizes(curves: Sequence[Curve], weights: Mapping[str, float], room: int) -> Allocated:
    """The greedy allocation: the next size goes to the language whose piece gains most, until the union is full.

    Every language has at least its smallest size. The allocation ends before the first step that would exceed the room.
    Where gains are equal the first language comes first.

    Raises:
        InputError: the smallest vocabularies do not fit.
    """
    union = _Union(curves)
    _check_room(union, curves, room)
    place, steps = [0] * len(curves), list[Step]()
    gains = [[weights[curve.language] * gain for gain in curve.gains] for curve in curves]
    while open_steps := [
        (-gains[number][at], number) for number, at in enumerate(place) if at < len(gains[number])
    ]:
        price, number = min(open_steps)
        union.move(number, place[number], place[number] + 1)
        if union.size > room:
            union.move(number, place[number] + 1, place[number])
            break
        place[number] += 1
        curve = curves[number]
        steps.append(Step(curve.language, curve.sizes[place[number]], -price, union.size))
    return _allocated(curves, place, union.size, tuple(steps))


def threshold_sizes(curves: Sequence[Curve], weights: Mapping[str, float], room: int) -> Allocated:
    """The released search: the lowest price at which the union fits, where all buy pieces that gain more.

    Steps are put in the order of their gains, and the number of those that fit is bisected; the released code bisects
    the price in [0, 100] up to 1e-6, so that steps whose gains are nearer than that are taken together or not at all.
    Equals `vocap_sizes` as long as the union grows with every step.

    Raises:
        InputError: the smallest vocabularies do not fit.
    """
    _check_room(_Union(curves), curves, room)
    steps = sorted(
        (-weights[curve.language] * gain, number, at)
        for number, curve in enumerate(curves)
        for at, gain in enumerate(curve.gains)
    )
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high + 1) // 2
        fits = _union_of(curves, _places(curves, steps[:middle])) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    places = _places(curves, steps[:low])
    return _allocated(curves, places, _union_of(curves, places), ())


def smallest_union(curves: Sequence[Curve]) -> int:
    """Pieces of all languages together where each has its smallest vocabulary."""
    return _Union(curves).size


def equal_sizes(curves: Sequence[Curve], room: int) -> Allocated:
    """The largest size that all languages can have together; those with less text have the largest that they can.

    Raises:
        InputError: the smallest vocabularies do not fit.
    """
    _check_room(_Union(curves), curves, room)
    best = [0] * len(curves)
    for size in sorted({size for curve in curves for size in curve.sizes}):
        places = [max(0, sum(each <= size for each in curve.sizes) - 1) for curve in curves]
        if _union_of(curves, places) <= room:
            best = places
    return _allocated(curves, best, _union_of(curves, best), ())


def objective(curves: Sequence[Curve], weights: Mapping[str, float], sizes: Mapping[str, int]) -> float:
    """sum_i w_i ALP_i in nats per line, of the curves themselves and not of their hulls."""
    return sum(
        weights[curve.language] * curve.alp[curve.sizes.index(sizes[curve.language])] for curve in curves
    )


def _places(curves: Sequence[Curve], steps: Sequence[tuple[float, int, int]]) -> list[int]:
    places = [0] * len(curves)
    for _, number, _ in steps:
        places[number] += 1
    return places


def _allocated(
    curves: Sequence[Curve], places: Sequence[int], union: int, steps: tuple[Step, ...]
) -> Allocated:
    pairs = list(zip(curves, places, strict=True))
    return Allocated(
        {curve.language: curve.sizes[at] for curve, at in pairs},
        union,
        steps,
        tuple(curve.language for curve, at in pairs if at == len(curve.sizes) - 1),
    )


def _check_room(union: "_Union", curves: Sequence[Curve], room: int) -> None:
    if union.size > room:
        largest = max(curves, key=lambda curve: curve.sizes[0])
        raise InputError(
            f"the smallest vocabularies of {len(curves)} languages have {union.size:,} pieces together "
            f"({largest.language} alone {largest.sizes[0]:,}), and there is room for {room:,}: raise the "
            "vocabulary, or lower tokenizer.step"
        )


def _union_of(curves: Sequence[Curve], places: Sequence[int]) -> int:
    return len(
        np.unique(np.concatenate([curve.vocabularies[at] for curve, at in zip(curves, places, strict=True)]))
    )


class _Union:
    """How many different pieces languages have together, while they change their vocabularies; all begin smallest."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        pieces = np.unique(np.concatenate([part for curve in curves for part in curve.vocabularies]))
        self.numbers = [
            [np.searchsorted(pieces, part).astype(np.int32) for part in curve.vocabularies]
            for curve in curves
        ]
        self.users: IntArray = np.zeros(len(pieces), dtype=np.int32)
        for parts in self.numbers:
            self.users[parts[0]] += 1
        self.size = int((self.users > 0).sum())

    def move(self, language: int, before: int, after: int) -> None:
        """A language has another of its vocabularies."""
        gone, come = self.numbers[language][before], self.numbers[language][after]
        self.users[gone] -= 1
        self.size -= int((self.users[gone] == 0).sum())
        self.size += int((self.users[come] == 0).sum())
        self.users[come] += 1
