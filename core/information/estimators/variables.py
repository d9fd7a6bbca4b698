"""The type of a side of the pairs: labels, numbers, or labels beside numbers."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from core.information.estimators.typed_scipy import Array, Labels

SINGLE = 0.7
"""Share of rows with a unique value above which a variable is continuous and its ties are accidents."""
HEAVY = 10
"""A value in more than a tenth of the rows is an atom of the distribution, not an accident."""
FEW_COLUMNS = 8
"""Number of columns beyond which no labels are sought beside numbers: too few samples would share a label."""
CROWD = 20
"""Rows that a label beside numbers must have on average, so that it has enough neighbours to count."""


@dataclass(frozen=True)
class Variable:
    """One side of n pairs by type.

    Attributes:
        labels: discrete part of each row as 0, 1, ...; all 0 where there is none.
        numbers: continuous columns; none where the side is discrete.
        words: the recognised type; empty for continuous numbers.
        ordered: whether a discrete side came as one column of numbers, whose order may mean something.
        crowded: whether columns of fewer than sqrt(n) values are read as numbers, because rows hardly recur.
    """

    labels: Int[np.ndarray, " n"]
    numbers: Float[np.ndarray, "n d"]
    words: str = ""
    ordered: bool = False
    crowded: bool = False

    @property
    def kinds(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def discrete(self) -> bool:
        return self.numbers.shape[1] == 0

    @property
    def continuous(self) -> bool:
        return self.kinds == 1 and not self.discrete and not self.crowded

    def take(self, rows: Labels) -> "Variable":
        """The same variable for some rows only."""
        return replace(self, labels=ranked(self.labels[rows]), numbers=self.numbers[rows])

    def as_number(self, order: Labels, rng: np.random.Generator) -> "Variable":
        """A discrete variable as a continuous variable of the same information, its kinds in the given order."""
        ranks = spread_ranks(order[self.labels].astype(np.float64), rng)
        return replace(self, labels=np.zeros_like(self.labels), numbers=ranks[:, None])


def ranked(values: np.ndarray) -> Labels:
    """Labels 0, 1, ... of the distinct values, or rows, in rising order."""
    axis = 0 if values.ndim > 1 else None
    return np.unique(values, axis=axis, return_inverse=True)[1].reshape(-1).astype(np.int64)


def spread_ranks(values: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Ranks between 0 and 1 with ties in random order, which makes a discrete number continuous.

    Each value gets a stretch as long as its share of the rows. So the value can be read back from the rank, and the
    place within the stretch tells nothing: the information about anything else stays the same.

    Example:
        >>> ranks = spread_ranks(np.array([5.0, 2.0, 5.0, 2.0]), np.random.default_rng(0))
        >>> (ranks > 0.5).tolist(), np.sort(ranks).tolist()
        ([True, False, True, False], [0.125, 0.375, 0.625, 0.875])
    """
    ranks = np.empty(len(values))
    ranks[np.lexsort((rng.random(len(values)), values))] = (np.arange(len(values)) + 0.5) / len(values)
    return ranks


@dataclass(frozen=True)
class Ties:
    """Masks of the columns that are discrete, and of the columns that have atoms beside values that occur once."""

    discrete: Bool[np.ndarray, " d"]
    atoms: Bool[np.ndarray, " d"]


def ties_of(values: Float[np.ndarray, "n d"]) -> Ties:
    """Finds the columns that are discrete, and the columns that have atoms beside values that occur once.

    Discrete numbers occur once, twice, three times. Where many values occur once and hardly any twice, a column is
    continuous, however often one value (the zero of an inflated count) recurs.

    Example:
        >>> counts, inflated = np.arange(60.0) // 6, np.maximum(np.arange(60.0) - 30, 0)
        >>> ties_of(np.stack([counts, inflated, np.arange(60.0)], axis=1))
        Ties(discrete=array([ True, False, False]), atoms=array([False,  True, False]))
    """
    ordered = np.sort(values, axis=0)
    n, edge = len(values), np.ones((1, values.shape[1]), dtype=bool)
    starts = np.vstack([edge, ordered[1:] != ordered[:-1], edge])
    single = (starts[:-1] & starts[1:]).sum(axis=0)
    double = (starts[:-2] & ~starts[1:-1] & starts[2:]).sum(axis=0)
    reach = max(2, n // HEAVY)
    heavy = (ordered[reach:] == ordered[:-reach]).any(axis=0)
    atoms = heavy & (single > 0.05 * n) & (50 * double <= single)
    return Ties(~atoms & (single <= SINGLE * n), atoms)


def variable(values: Float[np.ndarray, "n d"]) -> Variable:
    """The type of a side: discrete if its rows repeat, mixed if some columns do, else continuous.

    Example:
        >>> kinds = np.repeat(np.arange(4), 5)
        >>> variable(np.eye(4)[kinds]).words
        'a label of 4 kinds in 4 one-hot columns'
        >>> variable(np.arange(30.0)[:, None]).continuous
        True
    """
    columns = range(values.shape[1])
    if len(columns) > FEW_COLUMNS and not all(ties_of(values[:, [at]]).discrete[0] for at in columns):
        return Variable(np.zeros(len(values), dtype=np.int64), values)
    ties = ties_of(values)
    if ties.discrete.all():
        labels = ranked(values)
        if ties_of(labels[:, None].astype(np.float64)).discrete[0]:
            words = _words(values, int(labels.max()) + 1)
            return Variable(labels, values[:, :0], words, ordered=values.shape[1] == 1)
    if len(columns) <= FEW_COLUMNS and (ties.discrete.any() or ties.atoms.any()):
        return _mixed(values, ties)
    return Variable(np.zeros(len(values), dtype=np.int64), values)


def _words(values: Array, kinds: int) -> str:
    columns = values.shape[1]
    if columns == 1:
        return f"discrete, of {kinds} values"
    if np.isin(values, [0, 1]).all() and (values.sum(axis=1) <= 1).all():
        return f"a label of {kinds} kinds in {columns} one-hot columns"
    return f"discrete, of {kinds} distinct rows in {columns} columns"


def _mixed(values: Array, ties: Ties) -> Variable:
    """Labels from atoms and from columns of few kinds, beside the columns that hold numbers."""
    counted = [at for at in np.flatnonzero(ties.discrete) if CROWD * _kinds(values[:, at]) <= len(values)]
    atoms = [_atoms(values[:, at]) for at in np.flatnonzero(ties.atoms)]
    labels = ranked(np.stack([*atoms, *values[:, counted].T, np.zeros(len(values))], axis=1))
    numbers = np.delete(_smoothed(values, ties), counted, axis=1)
    if (labels.max() + 1) * CROWD > len(values) or numbers.shape[1] == 0 or not labels.any():
        return _uncounted(values, ties)
    columns = f"{numbers.shape[1]} continuous column{'s' if numbers.shape[1] > 1 else ''}"
    words = [f"a label of {_kinds(ranked(values[:, counted]))} kinds"] if counted else []
    words += [f"values that come back in {np.mean(part > 0):.0%} of the rows" for part in atoms]
    return Variable(labels, numbers, f"{', '.join(words)} beside {columns}")


def _uncounted(values: Array, ties: Ties) -> Variable:
    """Columns of few values as numbers, since the rows hardly recur."""
    discrete = np.flatnonzero(ties.discrete)
    words = f"discrete in {len(discrete)} of {values.shape[1]} columns, but its rows hardly come back"
    coarse = any(_kinds(values[:, at]) ** 2 < len(values) for at in discrete)
    labels = np.zeros(len(values), dtype=np.int64)
    return Variable(labels, _smoothed(values, ties), words if len(discrete) else "", crowded=coarse)


def _smoothed(values: Array, ties: Ties) -> Array:
    """The columns with rounded numbers made continuous; ties get the same random order at every call."""
    smooth, rng = values.copy(), np.random.default_rng(0)
    for at in np.flatnonzero(ties.discrete):
        smooth[:, at] = spread_ranks(values[:, at], rng)
    return smooth


def _kinds(values: np.ndarray) -> int:
    return len(np.unique(values))


def _atoms(values: Array) -> Array:
    """The number of the atom of each value; 0 for values that occur once or nearly so."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    heavy = counts >= max(5, len(values) // 100)
    return np.where(heavy, np.cumsum(heavy), 0)[index].astype(np.float64)
