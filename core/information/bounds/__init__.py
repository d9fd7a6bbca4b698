"""Bounds on mutual information: pure functions from scores to nats.

Arguments that bounds on scores share:
    scores: f(x_i, y_j), a float matrix of n queries by m candidates, or `Blocks`, which computes its rows on demand.
    positive: column of the positive of each row; default: column i for row i.
    excluded: True for candidates that must not count, such as translations of the same meaning; default: none.

They raise InputError for integer scores, for fewer than two candidates, and for a value that is not finite.
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
