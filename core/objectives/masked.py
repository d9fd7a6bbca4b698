"""The part that MMLM and TLM share: masked tokens are predicted from the text around them."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from transformers import XLMRobertaForMaskedLM

from core.config import Settings
from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.model.neighbours import Neighbours
from core.objectives.outcome import Outcome
from core.objectives.task import Task
from core.processes import Shard
from core.task_settings import MaskedSettings
from core.text.arrays import IntArray
from core.text.batches import MaskedBatch, RowReader
from core.text.encoded import EncodedCorpus
from core.text.entropy import token_entropy
from core.text.sampling import Sampler

COMPARED: Final = 64
"""Targets of a micro-batch, at most, whose loss over the whole vocabulary is read as well, without gradient."""


class MaskedTask(Task[MaskedBatch]):
    """A task that masks tokens of its inputs by the settings of its section."""

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        super().__init__(settings, language_model)
        masking = settings.tasks[self.section]
        assert isinstance(masking, MaskedSettings)
        self.masking = masking
        self.neighbours: Neighbours | None = None
        if masking.targets == "knn":
            vocabulary = language_model.config.vocab_size
            self.neighbours = Neighbours(vocabulary, masking.neighbours, masking.refresh)

    def target_entropy(self, corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> float:
        """H(token) in nats of the tokens that are masked."""
        return token_entropy(corpus, sampler, self.reads, vocabulary, self.masking.mask_special)

    def batches(self, rows: IntArray, reader: RowReader, rng: np.random.Generator) -> Sequence[MaskedBatch]:
        return reader.masked(rows.reshape(len(rows), -1), self.masking, rng)

    def outcome(self, model: InfoXLM, batch: MaskedBatch, shard: Shard) -> Outcome:
        return masked_outcome(model, batch, self.target_entropy_nats, self.neighbours)

    def before_training(
        self, model: InfoXLM, extra: Callable[[int], tuple[Sequence[MaskedBatch], Sequence[Shard]]]
    ) -> None:
        if self.neighbours is not None:
            self.neighbours.search_beside(model.language_model.lm_head.decoder.weight, self._earlier(model))

    def after_step(self, model: InfoXLM, outcomes: Sequence[Outcome], shards: Sequence[Shard]) -> None:
        if self.neighbours is not None:
            self.neighbours.step_done(model.language_model.lm_head.decoder.weight, self._earlier(model))

    def _earlier(self, model: InfoXLM) -> list[Neighbours]:
        """The neighbours of the tasks that stand before this one, and search before it."""
        tasks = list(model.tasks.values())
        before = tasks[: tasks.index(self)]
        return [
            task.neighbours for task in before if isinstance(task, MaskedTask) and task.neighbours is not None
        ]


def masked_outcome(
    model: InfoXLM, batch: MaskedBatch, token_entropy_nats: float, neighbours: Neighbours | None = None
) -> Outcome:
    """Cross-entropy of masked tokens in nats, with H(token), the ceiling of the bound.

    bound = H(token) - cross-entropy (Barber and Agakov 2003). The bound holds in expectation; a measured value may
    lie above the information by chance. The softmax runs over the whole vocabulary, so Chi et al. (2021), after Kong
    et al. (2020), read the loss as InfoNCE with every token as a candidate. But log |V| - loss is no bound, because a
    vocabulary is no sample of tokens: a perfect model gives I + log |V| - H(token).

    Args:
        model: encoder and vocabulary head.
        batch: masked inputs with their targets.
        token_entropy_nats: H(token) of the tokens that are masked.
        neighbours: the softmax runs over those of the batch's targets alone. The loss is then smaller than that of the
            whole vocabulary, on average by what `left_out_sum` holds, and bounds nothing without that.
    """
    states = model.masked_states(batch.sequences, batch.positions)
    if neighbours is not None and len(states):
        return _sampled_outcome(model, states, batch.targets, token_entropy_nats, neighbours)
    losses = token_losses(model.language_model.lm_head, states, batch.targets)
    return Outcome(losses.sum(), len(losses), token_entropy_nats * len(losses))


def _sampled_outcome(
    model: InfoXLM, states: Tensor, targets: Tensor, token_entropy_nats: float, neighbours: Neighbours
) -> Outcome:
    """The outcome of a softmax over the union of the targets' neighbours (Zheng et al. 2021)."""
    head, count = model.language_model.lm_head, len(states)
    candidates = neighbours.of(targets)
    losses = token_losses(head, states, targets, candidates)
    left_out, vocabulary = 0.0, head.decoder.out_features
    if len(candidates) < vocabulary:
        # evenly spaced, since a draw would move the random numbers of all else
        places = torch.arange(0, count, -(-count // COMPARED), device=states.device)
        with torch.no_grad():
            whole = token_losses(head, states[places], targets[places])
        left_out = count * float((whole - losses.detach()[places]).mean())
    share = len(candidates) / vocabulary
    return Outcome(losses.sum(), count, token_entropy_nats * count, left_out, share * count)
