"""Distributions with known information by name; the twelve benchmark tasks have the names of benchmark-mi."""

from collections.abc import Callable
from functools import partial

import numpy as np

from core.errors import InputError
from core.information.truth import curved, families, maps
from core.information.truth.distribution import KnownInformation, Map
from core.information.truth.typed import TYPED

NORMAL = "1v1-normal-0.75"


def _normal(correlation: float = 0.75) -> KnownInformation:
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    return families.gaussian(f"1v1-normal-{correlation}", covariance, 1)


def _mapped(
    prefix: str, base: Callable[[], KnownInformation], of_x: Map, of_y: Map
) -> Callable[[], KnownInformation]:
    def make() -> KnownInformation:
        known = base()
        return known.through(f"{prefix}-{known.name}", of_x, of_y)

    return make


def _sparse(dims: int) -> Callable[[], KnownInformation]:
    return partial(families.sparse, dims, 2, 2.0)


def _spiral(dims: int) -> Callable[[], KnownInformation]:
    turns = partial(maps.spiral, i=0, j=1), partial(maps.spiral, i=1, j=2)
    return _mapped("spiral", _sparse(dims), *turns)


def _swissroll(values: maps.Array) -> maps.Array:
    return maps.swissroll(maps.uniform(values))


def _rotated(dims: int) -> Callable[[], KnownInformation]:
    turns = maps.rotation(dims, 1), maps.rotation(dims, 2)
    return _mapped("rotated", _sparse(dims), lambda v: v @ turns[0].T, lambda v: v @ turns[1].T)


def _turned_cubes(dims: int) -> tuple[Map, Map]:
    turns = maps.rotation(dims, 3), maps.rotation(dims, 4)
    return lambda v: maps.half_cube(v) @ turns[0].T, lambda v: maps.half_cube(v) @ turns[1].T


def _copies(count: int, base: Callable[[], KnownInformation]) -> Callable[[], KnownInformation]:
    def make() -> KnownInformation:
        return curved.copies(base(), count)

    return make


TWELVE: dict[str, Callable[[], KnownInformation]] = {
    "1v1-additive-0.1": partial(families.additive, 0.1),
    NORMAL: _normal,
    "asinh-student-identity-1-1-1": _mapped(
        "asinh", partial(families.student, 1, 1, 1), np.arcsinh, np.arcsinh
    ),
    "half_cube-multinormal-sparse-25-25-2-2.0": _mapped(
        "half_cube", _sparse(25), maps.half_cube, maps.half_cube
    ),
    "multinormal-dense-25-25-0.5": partial(families.dense, 25, 0.5),
    "multinormal-dense-5-5-0.5": partial(families.dense, 5, 0.5),
    "multinormal-dense-50-50-0.5": partial(families.dense, 50, 0.5),
    "multinormal-sparse-25-25-2-2.0": _sparse(25),
    "multinormal-sparse-5-5-2-2.0": _sparse(5),
    "spiral-multinormal-sparse-25-25-2-2.0": _spiral(25),
    "student-identity-5-5-2": partial(families.student, 5, 5, 2),
    f"swissroll_x-normal_cdf-{NORMAL}": _mapped("swissroll_x-normal_cdf", _normal, _swissroll, maps.uniform),
}
FURTHER: dict[str, Callable[[], KnownInformation]] = {
    "1v1-additive-0.75": partial(families.additive, 0.75),
    "1v1-mixture-0.9": families.mixture,
    f"wiggly-{NORMAL}": _mapped("wiggly", _normal, maps.wiggly, maps.same),
    "channel-4-0.2": partial(families.channel, 4, 0.2),
    "multinormal-sparse-10-10-2-2.0": _sparse(10),
    "rotated-multinormal-sparse-10-10-2-2.0": _rotated(10),
    "normal_cdf-multinormal-sparse-5-5-2-2.0": _mapped("normal_cdf", _sparse(5), maps.uniform, maps.uniform),
    "spiral-multinormal-sparse-5-5-2-2.0": _spiral(5),
    "student-identity-3-7-3": partial(families.student, 3, 7, 3),
}
UNSEEN: dict[str, Callable[[], KnownInformation]] = {
    "1v1-normal-0.999": partial(_normal, 0.999),
    "1v1-sine-0.2": partial(curved.sine, 0.2),
    "1v1-checkerboard-4": partial(curved.checkerboard, 4),
    "1v1-gamma_exponential-2": partial(curved.gamma_exponential, 2.0),
    "concentric-5-1-4": partial(curved.concentric, 5, 4),
    "copies-2-swissroll_x-normal_cdf-1v1-normal-0.75": _copies(2, TWELVE[f"swissroll_x-normal_cdf-{NORMAL}"]),
    "copies-3-1v1-additive-0.3": _copies(3, partial(families.additive, 0.3)),
    "copies-3-1v1-mixture-0.9": _copies(3, families.mixture),
    "multinormal-wishart-7-9-0": partial(families.wishart, 7, 9, 0),
    "multinormal-wishart-20-1-1": partial(families.wishart, 20, 1, 1),
    "multinormal-sparse-10-10-0-2.0": partial(families.sparse, 10, 0, 2.0),
    "multinormal-sparse-10-10-10-2.0": partial(families.sparse, 10, 10, 2.0),
    "rotated-half_cube-multinormal-sparse-12-12-4-1.0": _mapped(
        "rotated-half_cube", partial(families.sparse, 12, 4, 1.0), *_turned_cubes(12)
    ),
    "student-dense-0.6-4-4-3": partial(families.student, 4, 4, 3, 0.6),
    "arctan-student-identity-6-2-4": _mapped(
        "arctan", partial(families.student, 6, 2, 4), np.arctan, np.arctan
    ),
    "embedding-128-4": partial(families.embedding, 128, 4.0),
}
"""Written down after the method `auto` was fixed, so that its estimates for them are a blind test."""
EMBEDDINGS: dict[str, Callable[[], KnownInformation]] = {
    f"embedding-{dims}-{nats}": partial(families.embedding, dims, float(nats))
    for dims in (64, 256, 768)
    for nats in (1, 3, 6, 10, 12)
}
TASKS = TWELVE | FURTHER | UNSEEN | EMBEDDINGS | TYPED


def task(name: str) -> KnownInformation:
    """A distribution with known information by its name.

    Raises:
        InputError: the name is unknown; lists the names.

    Example:
        >>> round(task("multinormal-dense-5-5-0.5").nats, 3), len(TWELVE)
        (0.593, 12)
    """
    if name not in TASKS:
        raise InputError(f"task must be one of {', '.join(TASKS)}; got {name!r}")
    return TASKS[name]()
