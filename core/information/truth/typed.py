"""Known distributions of every type of variable: labels, labels beside numbers, atoms, roundings, functions."""

from collections.abc import Callable
from functools import partial

import numpy as np

from core.information.truth import labels, mixed
from core.information.truth.distribution import Truth


def _named(*makers: Callable[[], Truth]) -> dict[str, Callable[[], Truth]]:
    return {make().name: make for make in makers}


INDEPENDENT_LABELS = _named(
    *(partial(labels.independent, kinds) for kinds in (2, 5, 10, 20, 60, 100)),
    *(partial(labels.independent, kinds, zipf=True) for kinds in (10, 60, 200)),
)
CORRELATED_LABELS = _named(
    *(partial(labels.corrected, kinds, error) for kinds in (3, 10, 60) for error in (0.1, 0.5, 0.8)),
    *(partial(labels.corrected, 60, error, zipf=True) for error in (0.2, 0.6)),
    partial(labels.blocks, 60, 6),
    partial(labels.blocks, 20, 4),
)
LABEL_FUNCTIONS = _named(
    partial(labels.digits, 2),
    partial(labels.digits, 3),
    partial(labels.parity, 2),
    partial(labels.parity, 5),
    partial(labels.corrected, 60, 0.0),
    partial(labels.corrected, 100, 0.0, zipf=True),
)
NUMBERS_OF_FEW_VALUES = _named(
    *(partial(labels.bands, kinds, width) for kinds in (10, 40, 100) for width in (0.05, 0.2)),
    *(partial(mixed.rounded, 0.75, step) for step in (1.0, 0.2, 0.05, 0.01)),
    partial(mixed.rounded, 0.0, 0.1),
    partial(mixed.rounded, 0.95, 0.1),
)
LABELS_BESIDE_NUMBERS = _named(
    *(partial(mixed.classes, kinds, apart) for kinds in (2, 10, 60) for apart in (0.0, 0.5, 3.0)),
    partial(mixed.widened, 4),
    partial(mixed.widened, 20),
    *(partial(mixed.classes, 4, 2.0, dims) for dims in (2, 3)),
)
LABELS_BESIDE_MANY_NUMBERS = _named(
    *(partial(mixed.classes, 4, 2.0, dims) for dims in (6, 25)),
    partial(mixed.classes, 10, 0.0, 10),
)
ONE_HOT = _named(
    *(partial(mixed.classes, kinds, 3.0, one_hot=True) for kinds in (2, 4, 20)),
    partial(mixed.classes, 4, 2.0, 10, one_hot=True),
)
ATOMS = _named(
    *(partial(mixed.gated, share, 0.8, together) for share in (0.3, 0.7) for together in (True, False)),
    partial(mixed.gated, 0.5, 0.0, together=True),
    partial(mixed.gated, 0.5, 0.0, together=False),
    partial(mixed.inflated, 0.3),
    partial(mixed.clipped, 0.75, 1.0),
    partial(mixed.clipped, 0.75, 0.3),
)
COPIES = _named(
    *(partial(mixed.copied, correlation, share) for correlation in (0.0, 0.75) for share in (0.1, 0.5)),
    partial(mixed.beside_constants, 0.75),
)
FUNCTIONS = _named(
    partial(mixed.function, "same", np.positive),
    partial(mixed.function, "square", np.square),
    partial(mixed.function, "sine", lambda x: np.sin(3 * x)),
    partial(mixed.function, "exponential", np.exp),
    partial(mixed.function, "clip", lambda x: x.clip(-1, 1)),
    partial(mixed.function, "sign", np.sign, float(np.log(2))),
)
BY_TYPE = {
    "independent labels": INDEPENDENT_LABELS,
    "correlated labels": CORRELATED_LABELS,
    "functions of labels": LABEL_FUNCTIONS,
    "numbers of few values": NUMBERS_OF_FEW_VALUES,
    "labels beside numbers": LABELS_BESIDE_NUMBERS,
    "labels beside many numbers": LABELS_BESIDE_MANY_NUMBERS,
    "one-hot labels": ONE_HOT,
    "numbers with atoms": ATOMS,
    "copies and constants": COPIES,
    "functions without noise": FUNCTIONS,
}
TYPED = {name: make for group in BY_TYPE.values() for name, make in group.items()}
