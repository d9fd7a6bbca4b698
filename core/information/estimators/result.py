"""What every estimator returns: nats with an interval, and words that cannot be misread."""

import math
from dataclasses import dataclass

from core.information.bounds import Kind


@dataclass(frozen=True)
class Estimate:
    """Mutual information in nats with a 95 % interval.

    Fields: kind says whether `nats` estimates the information or only bounds it; ceiling is the most the
    method could have shown on these samples (None: no limit); reason says why this method was chosen;
    warnings list what may be wrong with the number.

    Example:
        >>> print(Estimate(4.1, 3.9, 4.3, "lower bound", 6.5, "infonce", 1000, 0.5))
        at least 4.10 nats (95 % interval of the bound 3.90 to 4.30; it could not show more than 6.50)
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
        """The number in one sentence that says whether it is a bound, with its interval and ceiling."""
        prefix = {"estimate": "", "lower bound": "at least ", "upper bound": "at most "}[self.kind]
        of = "" if self.kind == "estimate" else " of the bound"
        limit = "" if self.ceiling is None else f"; it could not show more than {self.ceiling:.2f}"
        return f"{prefix}{self.nats:.2f} nats (95 % interval{of} {self.low:.2f} to {self.high:.2f}{limit})"

    __str__ = words
