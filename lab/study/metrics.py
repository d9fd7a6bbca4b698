"""What is measured of a cell: names, units, and which way is better."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

LAYERS: Final = {"retrieval": "retrieval_layer_", "roles": "roles_layer_"}
"""Metrics that are also measured of every hidden state, and what stands before its number there."""


@dataclass(frozen=True)
class Metric:
    """A number of a cell: its key, how it is shown, its unit, which way is better, and whether it is a bound."""

    key: str
    label: str
    unit: Literal["share", "nats", "s", "tokens"]
    better: Literal["higher", "lower"] = "higher"
    bound: bool = False

    @property
    def cost(self) -> bool:
        """Whether it is what training took, which is told and not tested."""
        return self.unit in ("s", "tokens")

    @property
    def least(self) -> float | None:
        """The smallest value it can have, if there is one: bounds may be negative, where they say nothing."""
        return 0.0 if self.unit != "nats" or self.better == "lower" else None


METRICS: Final = (
    Metric("retrieval", "retrieval (top-1)", "share"),
    Metric("roles", "roles: who did what to whom", "share"),
    Metric("mmlm", "MMLM: I(context; token)", "nats", bound=True),
    Metric("tlm", "TLM: I(context, translation; token)", "nats", bound=True),
    # a difference of two bounds bounds nothing and may exceed the truth
    Metric("tlm_minus_mmlm", "TLM − MMLM: I(translation; token | context), estimated", "nats"),
    Metric("wrong_translation", "wrong translation: what it costs a masked token", "nats"),
    Metric("mmlm_own", "MMLM of its own sentences: I(context; token)", "nats", bound=True),
    Metric("xlco", "XLCO: I(sentence; translation)", "nats", bound=True),
    Metric("xlco_trained", "XLCO with as many candidates as in training", "nats", bound=True),
    Metric("mmlm_loss", "held-out MMLM loss", "nats", "lower"),
    Metric("tlm_loss", "held-out TLM loss", "nats", "lower"),
    Metric("mmlm_own_loss", "held-out MMLM loss of its own sentences", "nats", "lower"),
    Metric("xlco_loss", "held-out XLCO loss", "nats", "lower"),
    Metric("tokens", "text read in training", "tokens", "lower"),
    Metric("seconds", "training time", "s", "lower"),
)
_KNOWN: Final = {metric.key: metric for metric in METRICS}


def metric(key: str) -> Metric:
    """A metric by its key; `retrieval_layer_3` is retrieval that reads hidden state 3.

    >>> metric("retrieval_layer_3").label
    'retrieval, layer 3'
    """
    for name, prefix in LAYERS.items():
        if key.startswith(prefix):
            return Metric(key, f"{name}, layer {key.removeprefix(prefix)}", "share")
    return _KNOWN[key]


def ordered(keys: set[str]) -> list[str]:
    """Metrics in the order in which they are shown, layers last."""
    known = [key for key in _KNOWN if key in keys]
    return known + sorted(keys - set(known), key=lambda key: (len(key), key))


def without_costs(keys: Iterable[str]) -> list[str]:
    """The metrics that figures draw: results, without what training cost.

    >>> without_costs(["retrieval", "seconds"])
    ['retrieval']
    """
    return [key for key in keys if not metric(key).cost]
