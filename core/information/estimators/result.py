"""The result of every estimator: nats with an interval, and a sentence that cannot be misread."""

import math
from dataclasses import dataclass

from core.information.bounds import Kind


@dataclass(frozen=True)
class Estimate:
    """Mutual information in nats with a 95 % interval.

    Attributes:
        nats: the value.
        low, high: ends of the interval.
        kind: whether `nats` estimates the information or only bounds it.
        ceiling: the most that the method could have shown on these samples; None without limit.
        method: its name.
        n: number of samples.
        seconds: time taken.
        warnings: what may be wrong with the number.
        reason: why this method was used.

    Example:
        >>> print(Estimate(4.1, 3.9, 4.3, "lower bound", 6.5, "infonce", 1000, 0.5))
        at least 3.90 nats (97.5 % confidence); bound 4.10 [3.90, 4.30]; it could not show more than 6.50
    """

    nats: float
    low: float
    high: float
    kind: Kind
    ceiling: float | None
    method: str
    n: int
    seconds: float
    warnings: tuple[str, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        numbers = (self.nats, self.low, self.high)
        assert all(map(math.isfinite, numbers)), f"{self.method} gave {numbers}"
        assert self.low <= self.nats <= self.high, f"{self.method} gave {numbers}"

    def words(self) -> str:
        """The number in one sentence that says whether it is a bound, with its interval and ceiling.

        A bound holds in expectation; its value on samples may exceed the information. So "at least" gives the low end
        of the interval, which the information exceeds with 97.5 % confidence, one-sided.
        """
        number = f"{self.nats:.2f} [{self.low:.2f}, {self.high:.2f}]"
        parts = [f"{self.nats:.2f} nats (95 % interval {self.low:.2f} to {self.high:.2f})"]
        if self.kind == "lower bound" and self.low <= 0:
            parts = [f"shows nothing with 97.5 % confidence: the bound is {number} nats"]
        elif self.kind != "estimate":
            side, end = ("least", self.low) if self.kind == "lower bound" else ("most", self.high)
            parts = [f"at {side} {end:.2f} nats (97.5 % confidence)", f"bound {number}"]
        if self.ceiling is not None:
            parts.append(f"it could not show more than {self.ceiling:.2f}")
        return "; ".join(parts)

    __str__ = words
