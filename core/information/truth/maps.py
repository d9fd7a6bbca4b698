"""Invertible maps, which change every sample and no information."""

import numpy as np

from core.information.estimators.typed_scipy import Array, normal_probabilities


def same(values: Array) -> Array:
    """The identity."""
    return values


def half_cube(values: Array) -> Array:
    """sign(x) |x|^(3/2): heavier tails."""
    return np.sign(values) * np.abs(values) ** 1.5


def uniform(values: Array) -> Array:
    """The normal distribution function: uniform margins for standard normal input."""
    return normal_probabilities(values)


def wiggly(values: Array) -> Array:
    """x + 0.8 sin x, strictly increasing."""
    return values + 0.8 * np.sin(values)


def swissroll(values: Array) -> Array:
    """A number u in (0, 1) rolled up in the plane: radius and angle 3/2 pi (1 + 2u), scaled by 1/21."""
    angle = 1.5 * np.pi * (1 + 2 * values)
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


def spiral(values: Array, i: int, j: int) -> Array:
    """Turns coordinates i and j by an angle that grows with the squared norm, |x|^2 / d radians."""
    angle = (values**2).mean(axis=1)
    turned = values.copy()
    turned[:, i] = np.cos(angle) * values[:, i] - np.sin(angle) * values[:, j]
    turned[:, j] = np.sin(angle) * values[:, i] + np.cos(angle) * values[:, j]
    return turned


def rotation(dims: int, seed: int) -> Array:
    """A random rotation or reflection, uniform over all."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((dims, dims)))
    return np.asarray(q * np.sign(np.diag(r)), dtype=np.float64)
