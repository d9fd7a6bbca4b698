"""Random orders of 0 ... n - 1, computed position by position and stored nowhere."""

import numpy as np

from core.text.arrays import IntArray


def permuted(positions: IntArray, sizes: IntArray, keys: np.ndarray) -> IntArray:
    """Values at positions of random orders; each position has its own order.

    A four-round Feistel network scrambles the bits of the position until the value falls below n (Black and Rogaway
    2002). This is a permutation for every round function.

    Args:
        positions: int64, 0 ... n - 1.
        sizes: int64 per position, n of its order.
        keys: uint64, [positions, 4], the round keys of its order.
    """
    # an empty order would be walked for ever
    assert (sizes > 0).all()
    values, half = positions.astype(np.uint64), _half(sizes)
    outside = np.arange(len(values))
    while len(outside):
        values[outside] = _scrambled(values[outside], half[outside], keys[outside])
        outside = outside[values[outside] >= sizes[outside].astype(np.uint64)]
    return values.astype(np.int64)


def _half(sizes: IntArray) -> np.ndarray:
    """Half of the bits of the positions below each size, rounded up; 1 at least."""
    bits = np.frexp(np.maximum(sizes - 1, 1).astype(np.float64))[1]
    return ((bits + 1) // 2).astype(np.uint64)


def _scrambled(values: np.ndarray, half: np.ndarray, keys: np.ndarray) -> np.ndarray:
    low = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & low
    for key in keys.T:
        mixed = (right ^ key) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        left, right = right, left ^ ((mixed >> np.uint64(32)) & low)
    return (left << half) | right


def round_keys(seed: tuple[int, ...]) -> np.ndarray:
    """The four round keys of an order, uint64."""
    return np.random.SeedSequence(seed).generate_state(4, np.uint64)


class Shuffle:
    """A random order of 0 ... n - 1, n > 0."""

    def __init__(self, n: int, seed: tuple[int, ...]) -> None:
        assert n > 0
        self.n, self._keys = n, round_keys(seed)

    def __getitem__(self, positions: IntArray) -> IntArray:
        positions = np.asarray(positions)
        return permuted(
            positions,
            np.full(len(positions), self.n),
            np.broadcast_to(self._keys, (len(positions), len(self._keys))),
        )
