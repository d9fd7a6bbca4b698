"""The part that MMLM and TLM share: masked tokens are predicted from the text around them."""

from collections.abc import Sequence

import numpy as np
from transformers import XLMRobertaForMaskedLM

from core.config import MaskedSettings, Settings
from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.objectives.task import Task
from core.processes import Shard
from core.text.arrays import IntArray
from core.text.batches import MaskedBatch, RowReader
from core.text.encoded import EncodedCorpus
from core.text.entropy import token_entropy
from core.text.sampling import Sampler


class MaskedTask(Task[MaskedBatch]):
    """A task that masks tokens of its inputs by the settings of its section."""

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        super().__init__(settings, language_model)
        masking = settings.tasks[self.section]
        assert isinstance(masking, MaskedSettings)
        self.masking = masking

    def target_entropy(self, corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> float:
        """H(token) in nats of the tokens that are masked."""
        return token_entropy(corpus, sampler, self.reads, vocabulary, self.masking.mask_special)

    def batches(self, rows: IntArray, reader: RowReader, rng: np.random.Generator) -> Sequence[MaskedBatch]:
        return reader.masked(rows.reshape(len(rows), -1), self.masking, rng)

    def outcome(self, model: InfoXLM, batch: MaskedBatch, shard: Shard) -> Outcome:
        return masked_outcome(model, batch, self.target_entropy_nats)


def masked_outcome(model: InfoXLM, batch: MaskedBatch, token_entropy_nats: float) -> Outcome:
    """Cross-entropy of masked tokens in nats, with H(token), the ceiling of the bound.

    bound = H(token) - cross-entropy (Barber and Agakov 2003). The bound holds in expectation; a measured value may
    lie above the information by chance. The softmax runs over the whole vocabulary, so Chi et al. (2021), after Kong
    et al. (2020), read the loss as InfoNCE with every token as a candidate. But log |V| - loss is no bound, because a
    vocabulary is no sample of tokens: a perfect model gives I + log |V| - H(token).

    Args:
        model: encoder and vocabulary head.
        batch: masked inputs with their targets.
        token_entropy_nats: H(token) of the tokens that are masked.
    """
    states = model.masked_states(batch.sequences, batch.positions)
    losses = token_losses(model.language_model.lm_head, states, batch.targets)
    return Outcome(losses.sum(), len(losses), token_entropy_nats * len(losses))
