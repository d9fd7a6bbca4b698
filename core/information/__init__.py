"""Information in nats: bounds on scores, estimators on samples, and distributions with a known truth."""

from core.information import bounds
from core.information.estimators.estimate import estimate
from core.information.estimators.result import Estimate

__all__ = ["Estimate", "bounds", "estimate"]
