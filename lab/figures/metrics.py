"""The numbers by which runs are compared: what each is called, its unit, and which way is better."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Metric:
    """A number of a run: its key, how it is shown, its unit, which way is better, and whether it is a bound."""

    key: str
    label: str
    unit: Literal["share", "nats", "s", "tokens"]
    better: Literal["higher", "lower"] = "higher"
    bound: bool = False

    @property
    def cost(self) -> bool:
        """Whether it is what training took, which is shown and not tested."""
        return self.unit in ("s", "tokens")

    @property
    def least(self) -> float | None:
        """The smallest value it can have, if there is one: bounds may be negative, where they say nothing."""
        return 0.0 if self.unit != "nats" or self.better == "lower" else None


RESULTS: Final = (
    Metric("retrieval", "retrieval (top-1)", "share"),
    Metric("roles", "roles: who did what to whom", "share"),
)
"""Metrics that belong to no task."""
WHOLE_SENTENCES: Final = (
    Metric("mmlm_meaning", "MMLM, nats to tell a sentence", "nats", "lower"),
    Metric("tlm_meaning", "TLM, nats to tell a sentence", "nats", "lower"),
)
"""Metrics that compare tokenizers, which nats per token do not."""
COSTS: Final = (
    Metric("tokens", "text read in training", "tokens", "lower"),
    Metric("seconds", "training time", "s", "lower"),
)
LAYERS: Final = {"retrieval": "retrieval_layer_", "roles": "roles_layer_"}
"""Metrics that are measured of every hidden state, and what stands before its number there."""


def layer_metric(key: str) -> Metric | None:
    """The metric of one hidden state; None for the key of another metric.

    >>> layer_metric("retrieval_layer_3").label
    'retrieval, layer 3'
    """
    for name, prefix in LAYERS.items():
        if key.startswith(prefix):
            return Metric(key, f"{name}, layer {key.removeprefix(prefix)}", "share")
    return None
