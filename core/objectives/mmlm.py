"""Multilingual masked language modelling: what a context tells of a masked token."""

from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.text.batches import MaskedBatch


def mmlm(model: InfoXLM, batch: MaskedBatch, token_entropy: float) -> Outcome:
    """Lower bound in nats on I(context; masked token) = H(token) - H(token | context).

    bound = H(token) - cross-entropy, ceiling H(token): the Barber-Agakov bound. The softmax runs over the whole
    vocabulary, so the paper reads the same loss as InfoNCE with every token as a candidate, with the looser
    ceiling log |V| (Chi et al. 2021).

    Args:
        model: encoder and vocabulary head.
        batch: masked sentences with their targets.
        token_entropy: H(token) in nats of the tokens that are masked.
    """
    states = model.masked_states(batch.sequences, batch.positions)
    losses = token_losses(model.language_model.lm_head, states, batch.targets)
    return Outcome(losses.sum(), len(losses), token_entropy * len(losses))
