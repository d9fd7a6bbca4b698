"""Distributions with known information for every type: labels, labels beside numbers, atoms, roundings, functions."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from core.information.truth import labels, mixed
from core.information.truth.distribution import KnownInformation

Makers = Mapping[str, Callable[[], KnownInformation]]
"""Names, and functions that make the distributions; so nothing is integrated when the names are listed."""

INDEPENDENT_LABELS: Makers = {
    f"labels-{kinds}": partial(labels.independent, kinds) for kinds in (2, 5, 10, 20, 60, 100)
} | {f"labels-zipf-{kinds}": partial(labels.independent, kinds, zipf=True) for kinds in (10, 60, 200)}
CORRELATED_LABELS: Makers = (
    {
        f"renamed-{kinds}-{error}": partial(labels.corrected, kinds, error)
        for kinds in (3, 10, 60)
        for error in (0.1, 0.5, 0.8)
    }
    | {f"renamed-zipf-60-{error}": partial(labels.corrected, 60, error, zipf=True) for error in (0.2, 0.6)}
    | {f"blocks-{kinds}-{count}": partial(labels.blocks, kinds, count) for kinds, count in ((60, 6), (20, 4))}
)
LABEL_FUNCTIONS: Makers = {
    "digits-2": partial(labels.digits, 2),
    "digits-3": partial(labels.digits, 3),
    "parity-2": partial(labels.parity, 2),
    "parity-5": partial(labels.parity, 5),
    "renamed-60-0": partial(labels.corrected, 60, 0.0),
    "renamed-zipf-100-0": partial(labels.corrected, 100, 0.0, zipf=True),
}
NUMBERS_OF_FEW_VALUES: Makers = {
    f"bands-{kinds}-{width}": partial(labels.bands, kinds, width)
    for kinds in (10, 40, 100)
    for width in (0.05, 0.2)
} | {
    f"rounded-{correlation:g}-{step:g}": partial(mixed.rounded, correlation, step)
    for correlation, step in ((0.75, 1.0), (0.75, 0.2), (0.75, 0.05), (0.75, 0.01), (0.0, 0.1), (0.95, 0.1))
}
LABELS_BESIDE_NUMBERS: Makers = (
    {
        f"classes-{kinds}-{apart:g}": partial(mixed.classes, kinds, apart)
        for kinds in (2, 10, 60)
        for apart in (0.0, 0.5, 3.0)
    }
    | {f"widened-{kinds}": partial(mixed.widened, kinds) for kinds in (4, 20)}
    | {f"classes-{dims}-4-2": partial(mixed.classes, 4, 2.0, dims) for dims in (2, 3)}
)
LABELS_BESIDE_MANY_NUMBERS: Makers = {
    "classes-6-4-2": partial(mixed.classes, 4, 2.0, 6),
    "classes-25-4-2": partial(mixed.classes, 4, 2.0, 25),
    "classes-10-10-0": partial(mixed.classes, 10, 0.0, 10),
}
ONE_HOT: Makers = {
    f"classes-one_hot-{kinds}-3": partial(mixed.classes, kinds, 3.0, one_hot=True) for kinds in (2, 4, 20)
} | {"classes-one_hot-10-4-2": partial(mixed.classes, 4, 2.0, 10, one_hot=True)}
ATOMS: Makers = {
    f"gated-{'together' if together else 'apart'}-{share}-{correlation:g}": partial(
        mixed.gated, share, correlation, together
    )
    for share, correlation in ((0.3, 0.8), (0.7, 0.8), (0.5, 0.0))
    for together in (True, False)
} | {
    "inflated-0.3": partial(mixed.inflated, 0.3),
    "clipped-0.75-1": partial(mixed.clipped, 0.75, 1.0),
    "clipped-0.75-0.3": partial(mixed.clipped, 0.75, 0.3),
}
COPIES: Makers = {
    f"copied-{correlation:g}-{share}": partial(mixed.copied, correlation, share)
    for correlation in (0.0, 0.75)
    for share in (0.1, 0.5)
} | {"constants-0.75": partial(mixed.beside_constants, 0.75)}
FUNCTIONS: Makers = {
    "function-same": partial(mixed.function, "same", np.positive),
    "function-square": partial(mixed.function, "square", np.square),
    "function-sine": partial(mixed.function, "sine", lambda x: np.sin(3 * x)),
    "function-exponential": partial(mixed.function, "exponential", np.exp),
    "function-clip": partial(mixed.function, "clip", lambda x: x.clip(-1, 1)),
    "function-sign": partial(mixed.function, "sign", np.sign, float(np.log(2))),
}
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
TYPED: dict[str, Callable[[], KnownInformation]] = {
    name: make for group in BY_TYPE.values() for name, make in group.items()
}
