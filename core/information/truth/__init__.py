"""Distributions with known mutual information, which test estimators."""

from core.information.truth.distribution import KnownInformation
from core.information.truth.tasks import EMBEDDINGS, FURTHER, TASKS, TWELVE, UNSEEN, task
from core.information.truth.typed import BY_TYPE, TYPED

__all__ = [
    "BY_TYPE",
    "EMBEDDINGS",
    "FURTHER",
    "TASKS",
    "TWELVE",
    "TYPED",
    "UNSEEN",
    "KnownInformation",
    "task",
]
