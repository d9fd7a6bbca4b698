"""The numbers by which runs are compared: what each is called, its unit, and which way is better."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from lab.figures.languages import language_style

Parts = Literal["sum", "most", "least", "spread"]


@dataclass(frozen=True)
class Metric:
    """A number of a run: its key, how it is shown, its unit, which way is better, and whether it is a bound.

    `parts`: what the metric is of the values of its parts, such as languages: their sum, the largest, the smallest, or
    their standard deviation. The largest and the smallest of noisy parts lie further out than the true ones.
    """

    key: str
    label: str
    unit: Literal["share", "nats", "s", "tokens"]
    better: Literal["higher", "lower"] = "higher"
    bound: bool = False
    parts: Parts = "sum"

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
    Metric("mmlm_worst", "MMLM, nats to tell a meaning: the costliest language", "nats", "lower", parts="most"),
    Metric("mmlm_spread", "MMLM, nats to tell a meaning: standard deviation over languages", "nats", "lower",
           parts="spread"),
    Metric("retrieval_worst", "retrieval of the worst language", "share", parts="least"),
    Metric("retrieval_spread", "retrieval: standard deviation over languages", "share", "lower", parts="spread"),
)  # fmt: skip
"""Metrics of studies that compare tokenizers, which nats per token do not."""
COSTS: Final = (
    Metric("tokens", "text read in training", "tokens", "lower"),
    Metric("seconds", "training time", "s", "lower"),
)
LAYERS: Final = {"retrieval": "retrieval_layer_", "roles": "roles_layer_"}
"""Metrics that are measured of every hidden state, and what stands before its number there."""
BY_LANGUAGE: Final = {
    "retrieval": Metric("retrieval_language_", "retrieval, {language}", "share"),
    "mmlm": Metric("mmlm_language_", "MMLM, nats to tell a meaning, {language}", "nats", "lower"),
}
"""Metrics that are measured of every language: what stands before its tag, and the label with a place for its name."""


def language_metric(key: str) -> Metric | None:
    """The metric of one language; None for the key of another metric.

    >>> language_metric("retrieval_language_sw").label
    'retrieval, Swahili'
    """
    for pattern in BY_LANGUAGE.values():
        if key.startswith(pattern.key):
            name = language_style(key.removeprefix(pattern.key)).name
            return replace(pattern, key=key, label=pattern.label.format(language=name))
    return None


def layer_metric(key: str) -> Metric | None:
    """The metric of one hidden state; None for the key of another metric.

    >>> layer_metric("retrieval_layer_3").label
    'retrieval, layer 3'
    """
    for name, prefix in LAYERS.items():
        if key.startswith(prefix):
            return Metric(key, f"{name}, layer {key.removeprefix(prefix)}", "share")
    return None
