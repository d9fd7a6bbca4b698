"""The entropy of a discrete side is the most that anything can tell about it."""

from dataclasses import replace

from core.information.estimators.counting import entropy_of
from core.information.estimators.result import Estimate
from core.information.estimators.samples import Pairs


def under_entropy(made: Estimate, pairs: Pairs) -> Estimate:
    """The estimate with value, interval and ceiling no larger than a discrete side allows, in nats.

    The value stays below the entropy of the sample, the interval below the upper end of the entropy's own
    interval. A warning tells what the method read before.
    """
    limits = [
        (entropy_of(side.labels), name)
        for side, name in zip(pairs.variables, "xy", strict=True)
        if side.discrete
    ]
    if not limits:
        return made
    entropy, name = min(limits, key=lambda limit: limit[0].nats)
    limit = max(min(entropy.high for entropy, _ in limits), entropy.nats)
    ceiling = limit if made.ceiling is None else min(made.ceiling, limit)
    nats, high = min(made.nats, entropy.nats), min(made.high, limit)
    warnings = made.warnings
    if made.nats > entropy.nats + 5e-3:
        warnings += (
            f"the method read {made.nats:.2f} nats, but the entropy of {name} is {entropy.nats:.2f}: reported is that",
        )
    return replace(
        made, nats=nats, low=min(made.low, nats), high=max(high, nats), ceiling=ceiling, warnings=warnings
    )
