"""Pretext tasks, one per file: each maps a model and a batch to an `Outcome`."""

from core.objectives.gradcache import contrast_in_parts
from core.objectives.mmlm import mmlm
from core.objectives.outcome import Outcome
from core.objectives.tlm import tlm
from core.objectives.xlco import xlco

__all__ = ["Outcome", "contrast_in_parts", "mmlm", "tlm", "xlco"]
