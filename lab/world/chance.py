"""Random numbers that depend only on seed, purpose and keys, so that any row of a corpus can be made alone."""

import zlib

import numpy as np

_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def uniforms(seed: int, purpose: str, *keys: np.ndarray, width: int = 1) -> np.ndarray:
    """Uniform numbers (n, width) in [0, 1), a function of the seed, the purpose and the keys of each row alone.

    The mixing function is that of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    with np.errstate(over="ignore"):
        state = _mix(np.array([seed % 2**64 ^ zlib.crc32(purpose.encode()) << 32], dtype=np.uint64))
        for key in keys:
            state = _mix(state ^ _mix(key.astype(np.uint64)))
        columns = _mix(state[:, None] + _GOLDEN * np.arange(1, width + 1, dtype=np.uint64))
    return (columns >> np.uint64(11)) * 2.0**-53


def _mix(x: np.ndarray) -> np.ndarray:
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))
