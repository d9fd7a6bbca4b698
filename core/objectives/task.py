"""The contract of a pretext task: what it reads, the modules it owns, its loss and its bound."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import nn
from transformers import XLMRobertaForMaskedLM

from core.config import Settings
from core.model.infoxlm import InfoXLM
from core.objectives.outcome import Outcome
from core.processes import Shard
from core.progress import Progress, no_progress
from core.streams import MASKS
from core.text.arrays import IntArray
from core.text.batches import RowReader
from core.text.encoded import EncodedCorpus
from core.text.sampling import Reads, Sampler

T = TypeVar("T")


@runtime_checkable
class TaskBatch(Protocol):
    """The input of a task in a micro-batch."""

    @property
    def count(self) -> int:
        """Predictions, masked tokens or pairs: the mean loss is taken over them."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that encoders read."""
        ...

    def to(self: T, device: torch.device) -> T:
        """The batch on a device."""
        ...


B = TypeVar("B", bound=TaskBatch)


class Task(nn.Module, ABC, Generic[B]):
    """A pretext task. It is given model, batch and shard as arguments, and keeps no reference to the model.

    Attributes:
        key: names the task in step records, scores, ledger and figures.
        section: names the task in `Settings` and in a checkpoint, where SECTION.safetensors holds its modules.
        stream: part of the seed of all its random numbers. It never changes and no other task may use it; new tasks
            begin at 1000, since smaller numbers have other uses.
        reads: sentences or pairs.
        target_entropy_nats: H(target), where the text limits the bound and not the candidates; set before step 1.
    """

    key: ClassVar[str]
    section: ClassVar[str]
    stream: ClassVar[int]
    reads: Reads
    target_entropy_nats: float = math.nan

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        """Makes the modules of the task.

        Called after the language model is made and in the order of `TASKS`, because all draw random weights.
        """
        super().__init__()

    def open_text(self, corpus: EncodedCorpus, vocabulary: int, progress: Progress = no_progress) -> None:
        """Opens or writes the tables that the task reads beside the ids; called before anything is read.

        Args:
            corpus: the ids.
            vocabulary: number of ids.
            progress: reports what is written.

        Raises:
            InputError: the text has not what the task needs.
        """

    def target_entropy(self, corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> float:
        """H(target) in nats, read from the whole corpus; NaN where the candidates limit the bound."""
        return math.nan

    def draw_batches(
        self,
        step: int,
        sampler: Sampler,
        reader: RowReader,
        examples: int,
        from_end: bool = False,
    ) -> Sequence[B]:
        """This process's micro-batches of a step; with `from_end`, of the rows that an epoch reads last."""
        rows = sampler.draw_rows(step, self.stream, self.reads, examples, from_end)
        return self.batches(rows, reader, np.random.default_rng([sampler.seed, self.stream, step, MASKS]))

    @abstractmethod
    def batches(self, rows: IntArray, reader: RowReader, rng: np.random.Generator) -> Sequence[B]:
        """This process's micro-batches, cut out of the rows of the joint batch."""

    @abstractmethod
    def outcome(self, model: InfoXLM, batch: B, shard: Shard) -> Outcome:
        """Sums of losses and ceilings in nats, their number, and the tensors that `after_step` gets back.

        Args:
            model: the encoder and its vocabulary head.
            batch: a micro-batch of this process.
            shard: this process's part of the joint micro-batch.
        """

    def outcomes(
        self,
        model: InfoXLM,
        batches: Sequence[B],
        shards: Sequence[Shard],
        seed_part: Callable[[int], None],
    ) -> Iterator[Outcome]:
        """Yields the outcome of each micro-batch; the caller back-propagates each before it takes the next.

        Args:
            model: the encoder and its vocabulary head.
            batches: this process's micro-batches.
            shards: this process's part of each joint micro-batch.
            seed_part: makes dropout repeat, for a task that encodes the micro-batch of this number twice.
        """
        for batch, shard in zip(batches, shards, strict=True):
            yield self.outcome(model, batch, shard)

    def before_training(
        self, model: InfoXLM, extra: Callable[[int], tuple[Sequence[B], Sequence[Shard]]]
    ) -> None:
        """Called before step 1, without gradient. `extra(n)` returns batch n, from 0, of the rows read last."""

    def after_step(self, model: InfoXLM, outcomes: Sequence[Outcome], shards: Sequence[Shard]) -> None:
        """Called after the optimizer's step, with the outcomes of this process's micro-batches."""


AnyTask = Task[Any]
