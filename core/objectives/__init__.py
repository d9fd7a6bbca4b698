"""Pretext tasks, one per file: each maps a model and a batch to an `Outcome`."""

from core.objectives.mmlm import mmlm
from core.objectives.outcome import Outcome
from core.objectives.tlm import tlm
from core.objectives.xlco import xlco

__all__ = ["Outcome", "mmlm", "tlm", "xlco"]
