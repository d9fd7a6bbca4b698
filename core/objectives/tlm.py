"""Translation language modelling: what a context and its translation tell of a masked token."""

from core.model.infoxlm import InfoXLM
from core.objectives.mmlm import mmlm
from core.objectives.outcome import Outcome
from core.text.batches import MaskedBatch


def tlm(model: InfoXLM, batch: MaskedBatch, token_entropy: float) -> Outcome:
    """Lower bound in nats on I(context, translation; masked token), for `<s> a </s> b </s>` masked in both halves.

    By the chain rule the information exceeds that of MMLM, of the same tokens, by I(translation; token | context):
    what the translation adds. The difference of the two bounds estimates that, and bounds nothing. Same loss as
    MMLM on other sequences (Conneau and Lample 2019; Chi et al. 2021).
    """
    return mmlm(model, batch, token_entropy)
