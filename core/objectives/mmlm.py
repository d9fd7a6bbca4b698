"""Multilingual masked language modelling: what a context tells of a masked token."""

from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.text.batches import MaskedBatch


def mmlm(model: InfoXLM, batch: MaskedBatch, token_entropy: float) -> Outcome:
    """Lower bound in nats on I(context; masked token) = H(token) - H(token | context).

    bound = H(token) - cross-entropy, ceiling H(token) (Barber and Agakov 2003). It bounds in expectation: a
    measured value may lie above the information by chance. The softmax runs over the whole vocabulary, so Chi et
    al. (2021), after Kong et al. (2020), read the loss as InfoNCE with every token as a candidate. But
    log |V| - loss is no bound, as a vocabulary is no sample of tokens: a perfect model gives
    I + log |V| - H(token).

    Args:
        model: encoder and vocabulary head.
        batch: masked sentences with their targets.
        token_entropy: H(token) in nats of the tokens that are masked.
    """
    states = model.masked_states(batch.sequences, batch.positions)
    losses = token_losses(model.language_model.lm_head, states, batch.targets)
    return Outcome(losses.sum(), len(losses), token_entropy * len(losses))
