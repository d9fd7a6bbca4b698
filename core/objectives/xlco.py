"""Cross-lingual contrast: what a sentence tells of its translation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import XLMRobertaForMaskedLM, XLMRobertaModel

from core.config import Settings
from core.errors import InputError
from core.model.encoder import hidden_states, pack, pool, states_at, truncated
from core.model.heads import contrast_head
from core.model.infoxlm import InfoXLM
from core.model.memory import Queue, momentum_update
from core.model.size import check_fits
from core.objectives.gradcache import Vectors, cached_outcomes
from core.objectives.infonce import at_least_float32, infonce_outcome, mean_outcome
from core.objectives.outcome import Outcome
from core.objectives.task import Task
from core.processes import Shard, gather_joint
from core.task_settings import ContrastSettings
from core.text.arrays import IntArray
from core.text.batches import PairBatch, RowReader, Sequences
from core.text.sampling import Pairs


class XLCO(Task[PairBatch]):
    """Lower bound in nats on I(sentence; translation): InfoNCE over the pair's own key and the other candidates.

    bound = log(num_candidates) - loss, ceiling log(num_candidates), num_candidates = num_negatives + 1
    (van den Oord et al. 2018; Chi et al. 2021). Candidates are the queue and, with `in_batch`, the keys of the other
    pairs; candidates of the query's own meaning are left out of the loss and counted in the bound. The bound holds if
    the other candidates are independent draws from the marginal of translations and one function scores all. A queue
    holds keys of older encoders, so in training this holds only nearly; the ledger measures on fresh draws, with one
    encoder.

    Attributes:
        head: the contrast head, shared by all languages, or None.
        key_encoder, key_head: the momentum copies, without the layers above the contrast; None when keys come
            from the query encoder.
        queue: earlier keys.
    """

    key = "xlco"
    section = "contrast"
    stream = 2
    reads = Pairs()

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        super().__init__(settings, language_model)
        contrast, config = settings.contrast, language_model.config
        if contrast.layer > config.num_hidden_layers:
            raise InputError(
                f"contrast.layer is {contrast.layer}, but the checkpoint has {config.num_hidden_layers} layers"
            )
        self.contrast: ContrastSettings = contrast
        self.masking = settings.mmlm if contrast.mask_inputs else None
        self.reads = Pairs(1 + contrast.mixup, contrast.mixup and contrast.mixup_languages == "other")
        self.head = contrast_head(config.hidden_size) if contrast.head else None
        self.key_encoder: XLMRobertaModel | None = None
        self.key_head: nn.Linear | None = None
        if contrast.keys == "momentum":
            self.key_encoder = truncated(language_model.roberta, contrast.layer)
            if self.head is not None:
                self.key_head = contrast_head(config.hidden_size).requires_grad_(False)
                self.key_head.load_state_dict(self.head.state_dict())
            if contrast.momentum_precision == "float16":
                for weight in self._key_parameters():
                    weight.copy_(weight.half())
        check_fits(
            contrast.queue * config.hidden_size, f"a queue of {contrast.queue:,} keys (contrast.queue)"
        )
        self.queue = Queue(contrast.queue, config.hidden_size)

    @staticmethod
    def of(model: InfoXLM) -> "XLCO":
        """The XLCO task of a model that was trained on XLCO."""
        task = model.tasks[XLCO.section]
        assert isinstance(task, XLCO)
        return task

    def batches(self, rows: IntArray, reader: RowReader, rng: np.random.Generator) -> Sequence[PairBatch]:
        sides: list[list[Sequences]] = []
        for side in (0, 1):
            examples = rows[..., side]
            if self.contrast.mixup:
                # an order drawn for this side alone
                examples = np.where(rng.random((len(examples), 1)) < 0.5, examples[:, ::-1], examples)
            if self.masking is None:
                sides.append(reader.plain(examples))
            else:
                sides.append([batch.sequences for batch in reader.masked(examples, self.masking, rng)])
        meanings = reader.meanings(rows[..., 0])
        return [PairBatch(*parts) for parts in zip(*sides, meanings, strict=True)]

    def queries(self, model: InfoXLM, sequences: Sequences) -> Float[Tensor, "pairs hidden"]:
        """Contrast vectors of the query encoder; no layer above the contrast is run."""
        return self._vectors(model.encoder, self.head, sequences)

    def keys(self, model: InfoXLM, sequences: Sequences) -> Float[Tensor, "pairs hidden"]:
        """Contrast vectors of translations, without gradient when a momentum copy encodes them."""
        if self.key_encoder is None:
            return self.queries(model, sequences)
        with torch.no_grad():
            return self._vectors(self.key_encoder, self.key_head, sequences)

    def _vectors(self, encoder: XLMRobertaModel, head: nn.Linear | None, sequences: Sequences) -> Tensor:
        packing = pack(sequences.lengths, sequences.ids.device)
        if self.contrast.pooling == "first":
            vectors = states_at(encoder, sequences, packing, packing.starts, self.contrast.layer)
        else:
            *_, state = hidden_states(encoder, sequences, packing, self.contrast.layer)
            vectors = pool(state, packing, self.contrast.pooling)
        vectors = head(vectors) if head is not None else vectors
        return normalize(vectors, dim=-1) if self.contrast.normalise else vectors

    def outcome(self, model: InfoXLM, batch: PairBatch, shard: Shard) -> Outcome:
        vectors = self.encoded(model, batch)
        outcomes = [
            self.contrast_outcome(queries, keys, batch.meanings, shard)
            for queries, keys in self._directions(vectors)
        ]
        return replace(mean_outcome(outcomes), carry=(vectors[1].detach(), batch.meanings))

    def outcomes(
        self,
        model: InfoXLM,
        batches: Sequence[PairBatch],
        shards: Sequence[Shard],
        seed_part: Callable[[int], None],
    ) -> Iterator[Outcome]:
        """Like `Task.outcomes`; with `in_batch` the keys of all micro-batches are candidates."""
        if len(batches) == 1 or not self.contrast.in_batch:
            yield from super().outcomes(model, batches, shards, seed_part)
            return
        meanings = [batch.meanings for batch in batches]
        for number, (outcome, vectors) in enumerate(
            cached_outcomes(
                lambda number: self.encoded(model, batches[number]),
                lambda parts: self._joint_outcomes(parts, meanings, shards),
                len(batches),
                seed_part,
                meanings[0].device,
            )
        ):
            yield replace(outcome, carry=(vectors[1].detach(), meanings[number]))

    def encoded(self, model: InfoXLM, batch: PairBatch) -> Vectors:
        """Queries and keys of a batch, [pairs, hidden].

        Queries and keys of the other direction follow, where both directions are contrasted and keys come from a
        momentum copy.
        """
        forth = self.queries(model, batch.queries), self.keys(model, batch.keys)
        if self.contrast.directions == "one" or self.key_encoder is None:
            return forth
        return *forth, self.queries(model, batch.keys), self.keys(model, batch.queries)

    def _directions(self, vectors: Vectors) -> list[tuple[Tensor, Tensor]]:
        """Queries and keys of each direction, picked from the vectors that `encoded` returns."""
        if self.contrast.directions == "one":
            return [(vectors[0], vectors[1])]
        # with one encoder a key is its own query
        back = vectors[-2:] if len(vectors) == 4 else vectors[::-1]
        return [(vectors[0], vectors[1]), (back[0], back[1])]

    def contrast_outcome(
        self,
        queries: Float[Tensor, "pairs hidden"],
        keys: Float[Tensor, "pairs hidden"],
        meanings: Int[Tensor, " pairs"],
        shard: Shard,
    ) -> Outcome:
        """InfoNCE in nats of queries against their own keys, with `in_batch` the joint batch's, and the queue.

        Args:
            queries: contrast vectors of this process's sentences.
            keys: contrast vectors of their translations, in the same order.
            meanings: number of the meaning of each pair.
            shard: this process's part of the joint micro-batch.
        """
        queries, keys = at_least_float32(queries), at_least_float32(keys)
        if self.contrast.in_batch:
            joint_keys, joint_meanings = shard.gather(keys), shard.gather(meanings)
            return self._contrasted_among(queries, meanings, joint_keys, joint_meanings, shard.indices())
        queued, queued_meanings = self.queue.candidates()
        with torch.autocast(queries.device.type, enabled=False):
            positive_scores = (queries * keys).sum(-1, keepdim=True)
            scores = torch.cat([positive_scores, queries @ queued.to(queries.dtype).T], dim=1)
        others = torch.cat([queued_meanings.new_full((1,), -1), queued_meanings])
        positive = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
        return infonce_outcome(scores / self.contrast.temperature, positive, self._same(meanings, others))

    def _contrasted_among(
        self,
        queries: Float[Tensor, "pairs hidden"],
        meanings: Int[Tensor, " pairs"],
        joint_keys: Float[Tensor, "joint hidden"],
        joint_meanings: Int[Tensor, " joint"],
        positive: Int[Tensor, " pairs"],
    ) -> Outcome:
        """InfoNCE in nats of queries against the queue and the joint batch's keys, their own at `positive`."""
        queued, queued_meanings = self.queue.candidates()
        with torch.autocast(queries.device.type, enabled=False):
            scores = queries @ torch.cat([joint_keys, queued.to(joint_keys.dtype)]).T
        others = torch.cat([joint_meanings, queued_meanings])
        return infonce_outcome(
            scores / self.contrast.temperature, positive.to(queries.device), self._same(meanings, others)
        )

    def _same(self, meanings: Tensor, others: Tensor) -> Bool[Tensor, "pairs candidates"] | None:
        return meanings[:, None] == others if self.contrast.exclude_same_meaning else None

    def _joint_outcomes(
        self, parts: Sequence[Vectors], meanings: Sequence[Tensor], shards: Sequence[Shard]
    ) -> list[Outcome]:
        """The outcome of each micro-batch among the keys of all micro-batches; gives every vector its gradient."""
        directions = list(zip(*(self._directions(vectors) for vectors in parts), strict=True))
        joint_meanings = torch.cat([shard.gather(part) for shard, part in zip(shards, meanings, strict=True)])
        begins = list(accumulate((shard.rows for shard in shards), initial=0))
        outcomes: list[list[Outcome]] = [[] for _ in shards]
        for sides in directions:
            joint = torch.cat(
                [shard.gather(at_least_float32(keys)) for shard, (_, keys) in zip(shards, sides, strict=True)]
            )
            candidates = joint.detach().requires_grad_()
            for number, (queries, _) in enumerate(sides):
                positive = begins[number] + shards[number].indices()
                outcome = self._contrasted_among(
                    at_least_float32(queries), meanings[number], candidates, joint_meanings, positive
                )
                # at once, so that memory holds the scores of one micro-batch at a time
                (outcome.loss_sum / len(directions)).backward()
                outcomes[number].append(replace(outcome, loss_sum=outcome.loss_sum.detach()))
            joint.backward(candidates.grad)
        return [mean_outcome(outcome) for outcome in outcomes]

    def before_training(
        self, model: InfoXLM, extra: Callable[[int], tuple[Sequence[PairBatch], Sequence[Shard]]]
    ) -> None:
        """Fills the queue with keys of real text, so that the queue never holds anything else."""
        number = 0
        while self.contrast.prefill and self.queue.filled < self.queue.size:
            batches, shards = extra(number)
            self._enqueue([(self.keys(model, batch.keys), batch.meanings) for batch in batches], shards)
            number += 1

    def after_step(self, model: InfoXLM, outcomes: Sequence[Outcome], shards: Sequence[Shard]) -> None:
        """Moves the key encoder towards the query encoder, and puts the keys of the step into the queue."""
        if self.key_encoder is not None:
            query_parameters = dict(model.encoder.named_parameters())
            fast = [query_parameters[name] for name, _ in self.key_encoder.named_parameters()]
            fast += [] if self.head is None else self.head.parameters()
            contrast = self.contrast
            momentum_update(self._key_parameters(), fast, contrast.momentum, contrast.momentum_precision)
        self._enqueue([outcome.carry for outcome in outcomes], shards)

    def _key_parameters(self) -> list[nn.Parameter]:
        assert self.key_encoder is not None
        return [
            *self.key_encoder.parameters(),
            *([] if self.key_head is None else self.key_head.parameters()),
        ]

    def _enqueue(self, parts: Sequence[Vectors], shards: Sequence[Shard]) -> None:
        """Puts keys with their meanings into the queue, in the order of the joint batch."""
        if self.queue.size:
            keys, meanings = (gather_joint(shards, side) for side in zip(*parts, strict=True))
            self.queue.push(keys, meanings)
