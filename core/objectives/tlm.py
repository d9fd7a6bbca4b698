"""Translation language modelling: what a context and its translation tell of a masked token."""

from core.objectives.masked import MaskedTask
from core.text.sampling import Pairs


class TLM(MaskedTask):
    """Lower bound in nats on I(context, translation; masked token), of `<s> a </s> b </s>` masked in both halves.

    By the chain rule this information exceeds that of MMLM on the same tokens by I(translation; token | context),
    the information that the translation adds. The difference of the two bounds estimates it, and bounds nothing. The
    loss is the loss of MMLM on other inputs (Conneau and Lample 2019; Chi et al. 2021).
    """

    key = "tlm"
    section = "tlm"
    stream = 1
    reads = Pairs(in_one_input=True)
