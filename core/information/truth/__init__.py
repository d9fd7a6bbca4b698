"""Distributions that know their mutual information, to hold estimators against."""

from core.information.truth.distribution import Truth
from core.information.truth.tasks import EMBEDDINGS, FURTHER, TASKS, TWELVE, UNSEEN, task

__all__ = ["EMBEDDINGS", "FURTHER", "TASKS", "TWELVE", "UNSEEN", "Truth", "task"]
