"""Information in nats: bounds on scores, estimators on samples, distributions that know the truth."""

from core.information import bounds

__all__ = ["bounds"]
