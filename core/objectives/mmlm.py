"""Multilingual masked language modelling: what a context tells of a masked token."""

from core.objectives.masked import MaskedTask
from core.text.sampling import Sentences


class MMLM(MaskedTask):
    """Lower bound in nats on I(context; masked token) = H(token) - H(token | context), of single sentences.

    bound = H(token) - cross-entropy, ceiling H(token), as `masked_outcome` says (Devlin et al. 2019; Conneau et al.
    2020; Chi et al. 2021).
    """

    key = "mmlm"
    section = "mmlm"
    stream = 0
    reads = Sentences()
