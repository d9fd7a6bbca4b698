"""Reads samples: refuses those that allow no trustworthy number, and cleans the rest with warnings."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from core.errors import InputError
from core.information.estimators.typed_scipy import Array, mean_ranks
from core.information.estimators.variables import Variable, variable

SMALLEST = 10
"""Samples below which no number is given."""
COPIES = 0.01
"""Share of pairs that repeat other pairs above which a warning says so."""
ATOM = 10
"""A pair that occurs more often is no copy but an atom, such as (0, 0)."""


@dataclass(frozen=True)
class SamplePairs:
    """n paired samples in float64, without constant columns, with warnings.

    Attributes:
        x: one side.
        y: the other side.
        warnings: for every method.
        ties: warnings of repeated values, which concern only methods made for continuous samples.
    """

    x: Float[np.ndarray, "n dx"]
    y: Float[np.ndarray, "n dy"]
    warnings: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return self.x.shape[0]

    @property
    def dims(self) -> int:
        return self.x.shape[1] + self.y.shape[1]

    @cached_property
    def variables(self) -> tuple[Variable, Variable]:
        """Both sides by type."""
        return variable(self.x), variable(self.y)

    def as_continuous(self) -> "SamplePairs":
        """The same pairs for a method made for continuous samples, with the warnings of ties."""
        return replace(self, warnings=self.warnings + self.ties, ties=())

    def without_copies(self) -> "SamplePairs":
        """The pairs without copies, with a warning, if the samples are continuous apart from copies.

        A continuous pair never recurs, so a copy is no fresh sample, and would be its own neighbour. Integers are
        labels, which may recur.
        """
        if not self.ties:
            return self
        joint = np.hstack([self.x, self.y])
        _, rows, counts = np.unique(joint, axis=0, return_index=True, return_counts=True)
        rows.sort()
        copies = self.n - len(rows)
        few = len(rows) < max(SMALLEST, self.n / 3) or counts.max() > ATOM
        if few or copies <= COPIES * self.n or (joint == np.round(joint)).all():
            return self
        distinct = replace(self.take(rows), ties=())
        if not all(len(np.unique(side, axis=0)) > 0.95 * len(rows) for side in (distinct.x, distinct.y)):
            return self
        note = (
            f"{copies} of {self.n} pairs are duplicates of others: left out, as copies are no fresh samples"
        )
        return replace(distinct, warnings=(*self.warnings, note))

    def take(self, rows: Any) -> "SamplePairs":
        """The same pairs for some rows only."""
        return SamplePairs(self.x[rows], self.y[rows], self.warnings)

    def leading_columns(self, count: int) -> "SamplePairs":
        """The same pairs with only the first columns of each side."""
        return SamplePairs(self.x[:, :count], self.y[:, :count], self.warnings)


def read_pairs(x: Any, y: Any) -> SamplePairs:
    """Checks samples and returns them as `SamplePairs`.

    The pairs carry warnings of rows with masked cells (left out), constant and repeated columns (dropped), duplicate
    pairs, columns of few values, fewer samples than dimensions, and rows that resemble the rows before them.

    Args:
        x: [n, dx], an array of numpy or torch, or a list; [n] counts as [n, 1].
        y: [n, dy], likewise.

    Raises:
        InputError: x and y differ in length, there are fewer than 10 samples, or some are NaN or infinite.

    Example:
        >>> read_pairs(np.arange(12.0), np.zeros((12, 2))).warnings[0]
        'y has 2 constant columns, which carry no information: dropped'
    """
    left, right = _matrix(x, "x"), _matrix(y, "y")
    if len(left) != len(right):
        raise InputError(
            f"x and y must pair row by row, but have {len(left)} and {len(right)} rows: drop the unpaired"
        )
    masked = _masked(x, len(left)) | _masked(y, len(right))
    left, right = _finite(left[~masked], "x"), _finite(right[~masked], "y")
    gaps = (f"{masked.sum()} of {len(masked)} rows hold masked cells: left out",) if masked.any() else ()
    if len(left) < SMALLEST:
        raise InputError(
            f"at least {SMALLEST} paired samples expected, got {'; '.join([str(len(left)), *gaps])}: sample more"
        )
    (left, x_notes), (right, y_notes) = _telling(left, "x"), _telling(right, "y")
    return SamplePairs(left, right, gaps + x_notes + y_notes + _noticed(left, right), _tied(left, right))


def _matrix(values: Any, name: str) -> Array:
    try:
        raw = (
            values.detach().cpu().double().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
        )
    except ValueError:
        raise InputError(f"{name} must be an n x d array of numbers, but its rows differ in length") from None
    if raw.dtype.kind not in "biuf" or raw.ndim not in (1, 2):
        raise InputError(f"{name} must be an n x d array of numbers, got {raw.dtype} of shape {raw.shape}")
    if raw.ndim == 2 and raw.shape[1] == 0:
        raise InputError(f"{name} must have at least one column, got shape {raw.shape}")
    return raw.astype(np.float64).reshape(len(raw), raw.shape[1] if raw.ndim == 2 else 1)


def _masked(values: Any, n: int) -> Bool[np.ndarray, " n"]:
    """True for rows with a masked cell; a value under a mask is no sample."""
    cells: NDArray[np.bool_] = (
        np.ma.getmaskarray(values) if np.ma.isMA(values) else np.zeros((n, 1), np.bool_)
    )
    return np.asarray(cells.any(axis=tuple(range(1, cells.ndim))), np.bool_)


def _finite(matrix: Array, name: str) -> Array:
    bad = int((~np.isfinite(matrix)).any(axis=1).sum())
    if bad:
        raise InputError(
            f"{name} must be finite, but {bad} of {len(matrix)} rows hold NaN or infinity: drop them"
        )
    return _in_range(matrix)


def _in_range(matrix: Array) -> Array:
    """The same samples, scaled by a power of 2 if their squares would leave the range of float64."""
    largest = np.abs(matrix).max(initial=0.0)
    return matrix if largest == 0 or 1e-100 < largest < 1e100 else np.ldexp(matrix, -np.frexp(largest)[1])


def _telling(matrix: Array, name: str) -> tuple[Array, tuple[str, ...]]:
    """The columns that can carry information, neither constant nor equal to an earlier column; and warnings."""
    varying = np.flatnonzero(np.ptp(matrix, axis=0) > 0)
    informative = (
        np.sort(varying[np.unique(matrix[:, varying], axis=1, return_index=True)[1]])
        if len(varying)
        else varying
    )
    notes: list[str] = []
    for gone, kind in (
        (matrix.shape[1] - len(varying), "constant"),
        (len(varying) - len(informative), "repeated"),
    ):
        if gone:
            word = "column" if gone == 1 else "columns"
            notes.append(f"{name} has {gone} {kind} {word}, which carry no information: dropped")
    return matrix[:, informative], tuple(notes)


def _noticed(x: Array, y: Array) -> tuple[str, ...]:
    joint = np.hstack([x, y])
    notes: list[str] = []
    if len(joint) < joint.shape[1]:
        notes.append(f"fewer samples ({len(joint)}) than dimensions ({joint.shape[1]})")
    if _follows(joint):
        notes.append("samples not independent: rows resemble the rows before them; shuffle or thin them")
    return tuple(notes)


def _tied(x: Array, y: Array) -> tuple[str, ...]:
    joint = np.hstack([x, y])
    notes: list[str] = []
    duplicates = len(joint) - len(np.unique(joint, axis=0))
    if duplicates > COPIES * len(joint):
        notes.append(
            f"{duplicates} of {len(joint)} pairs are duplicates: samples not independent, or discrete"
        )
    few = int(tied_columns(joint).sum())
    if few:
        word = "column takes" if few == 1 else "columns take"
        notes.append(
            f"{few} {word} one value in over a tenth of the pairs: made for continuous ones, methods may err"
        )
    return tuple(notes)


def _follows(joint: Array) -> bool:
    """Whether the lag-one correlation of a column exceeds that of all but 1 in 10,000 independent data sets."""
    if joint.shape[1] == 0 or len(joint) < 30:
        return False
    ranks = ranks_of(joint) - 0.5
    lagged = (ranks[1:] * ranks[:-1]).mean(axis=0) / ranks.var(axis=0)
    return bool(np.abs(lagged).max() * np.sqrt(len(joint)) > 4 + np.sqrt(2 * np.log(joint.shape[1])))


def ranks_of(values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Ranks of each column between 0 and 1, (rank - 1/2) / n; ties share their mean rank."""
    return (mean_ranks(values) - 0.5) / len(values)


def tied_columns(values: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " d"]:
    """True for columns with a value in more than a tenth of the rows, as in discrete and clipped columns.

    Example:
        >>> tied_columns(np.array([[0.0, 1.5]] * 4 + [[float(i), 2.5 + i] for i in range(26)])).tolist()
        [True, True]
        >>> tied_columns(np.arange(30.0)[:, None]).tolist()
        [False]
    """
    ordered, reach = np.sort(values, axis=0), max(2, len(values) // 10)
    return (ordered[reach:] == ordered[:-reach]).any(axis=0)
