"""Labels on both sides, drawn from a table whose information is summed exactly."""

import numpy as np

from core.information.estimators.typed_scipy import Array
from core.information.truth.distribution import KnownInformation


def table_information(table: Array) -> float:
    """I(row; column) in nats of a table of joint probabilities.

    Example:
        >>> round(table_information(np.eye(4) / 4), 4)
        1.3863
    """
    ratio = table / np.outer(table.sum(axis=1), table.sum(axis=0)).clip(1e-300)
    return max(float((table * np.log(np.where(table > 0, ratio, 1.0))).sum()), 0.0)


def of_table(name: str, table: Array, coded: bool = True) -> KnownInformation:
    """Labels drawn from a table of joint weights.

    With `coded` the labels of y have random numbers, so that only the identity of a label tells anything.
    """
    joint = table / table.sum()
    order = np.random.default_rng(len(joint)).permutation(joint.shape[1])
    codes = order if coded else np.arange(joint.shape[1])

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        cells = rng.choice(joint.size, n, p=joint.ravel())
        x, y = np.divmod(cells, joint.shape[1])
        return x[:, None].astype(np.float64), codes[y][:, None].astype(np.float64)

    return KnownInformation(name, table_information(joint), draw)


def _frequencies(kinds: int) -> Array:
    return 1 / np.arange(1.0, kinds + 1)


def independent(kinds: int, zipf: bool = False) -> KnownInformation:
    """Two labels that tell nothing of each other, equally frequent or as 1 / rank."""
    shares = _frequencies(kinds) if zipf else np.ones(kinds)
    return of_table(f"labels-{'zipf-' if zipf else ''}{kinds}", shares[:, None] * shares)


def corrected(kinds: int, error: float, zipf: bool = False) -> KnownInformation:
    """y renames x, except in a share `error` of the pairs, where y is drawn from its frequencies.

    Example:
        >>> round(corrected(10, 1.0).nats, 9), round(corrected(10, 0.0).nats, 3)
        (0.0, 2.303)
    """
    shares = _frequencies(kinds) if zipf else np.ones(kinds)
    shares /= shares.sum()
    table = shares[:, None] * ((1 - error) * np.eye(kinds) + error * shares)
    return of_table(f"renamed-{'zipf-' if zipf else ''}{kinds}-{error:g}", table)


def blocks(kinds: int, count: int) -> KnownInformation:
    """Both labels belong to the same block of kinds, and tell nothing more: log(count) nats."""
    block = np.arange(kinds) // (kinds // count)
    return of_table(f"blocks-{kinds}-{count}", (block[:, None] == block).astype(np.float64))


def bands(kinds: int, width: float) -> KnownInformation:
    """Numbers of few values near each other, within `width` of their range: the order tells."""
    distance = (np.arange(kinds)[:, None] - np.arange(kinds)) / (width * kinds)
    return of_table(f"bands-{kinds}-{width:g}", np.exp(-(distance**2) / 2), coded=False)


def digits(count: int) -> KnownInformation:
    """x is `count` digits in columns, y their sum: I = H(y).

    Example:
        >>> round(digits(2).nats, 2)
        2.79
    """
    shares = np.ones(1)
    for _ in range(count):
        shares = np.convolve(shares, np.full(10, 0.1))

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.integers(0, 10, (n, count)).astype(np.float64)
        return x, x.sum(axis=1, keepdims=True)

    return KnownInformation(f"digits-{count}", float(-(shares * np.log(shares)).sum()), draw)


def parity(count: int) -> KnownInformation:
    """x is `count` bits in columns, y their sum modulo 2: I = log 2, and no single column of x shows any of it."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        x = rng.integers(0, 2, (n, count)).astype(np.float64)
        return x, x.sum(axis=1, keepdims=True) % 2

    return KnownInformation(f"parity-{count}", float(np.log(2)), draw)
