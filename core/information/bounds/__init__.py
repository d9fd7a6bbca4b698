"""Bounds on mutual information: pure functions from scores to nats.

Scores f(x_i, y_j) stand in an n x m matrix, positives on the diagonal unless `positive` says otherwise.
"""

from core.information.bounds.conditional import barber_agakov, club, leave_one_out
from core.information.bounds.contrastive import infonce, mlcpc
from core.information.bounds.jackknife import standard_error
from core.information.bounds.ratio import flo, jensen_shannon, smile
from core.information.bounds.result import Bound, Kind
from core.information.bounds.rows import Blocks, Scores
from core.information.bounds.variational import MineBound, donsker_varadhan, interpolated, mine, nwj, tuba

__all__ = [
    "Blocks",
    "Bound",
    "Kind",
    "MineBound",
    "Scores",
    "barber_agakov",
    "club",
    "donsker_varadhan",
    "flo",
    "infonce",
    "interpolated",
    "jensen_shannon",
    "leave_one_out",
    "mine",
    "mlcpc",
    "nwj",
    "smile",
    "standard_error",
    "tuba",
]
