"""Denoising word alignment: what a masked pair tells of where the translation of a masked token stands."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import entropy
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import XLMRobertaForMaskedLM

from core.config import Settings
from core.errors import InputError
from core.model.encoder import hidden_states, pack
from core.model.infoxlm import InfoXLM
from core.objectives.infonce import at_least_float32
from core.objectives.outcome import Outcome
from core.objectives.task import Task
from core.processes import Shard, all_reduce_sum
from core.task_settings import DenoisingSettings, MaskingSettings
from core.text.alignment.similarity import itermax_links, transported
from core.text.arrays import IntArray
from core.text.batches import MaskedBatch, RowReader, Sequences, half_begins, longest_sentence
from core.text.sampling import Pairs


@dataclass(frozen=True)
class DenoisingBatch:
    """Masked pairs with the true ids of the masked tokens.

    Attributes:
        masked: `<s> a </s> b </s>` of each pair, masked in both halves.
        begins: position in the ids of the first ordinary token of both halves of each pair, [pairs, 2].
        sizes: ordinary tokens of both halves, [pairs, 2].
    """

    masked: MaskedBatch
    begins: Int[Tensor, "pairs 2"]
    sizes: Int[Tensor, "pairs 2"]

    @property
    def count(self) -> int:
        """Masked tokens; those without a link are not predicted, but count where losses of tasks are added up."""
        return self.masked.count

    @property
    def tokens(self) -> int:
        """Tokens that the encoder reads, with masks and without."""
        return 2 * self.masked.tokens

    @property
    def whole(self) -> Sequences:
        """The pairs without masks."""
        sequences = self.masked.sequences
        ids = sequences.ids.index_copy(0, self.masked.positions, self.masked.targets)
        return Sequences(ids, sequences.lengths)

    def to(self, device: torch.device) -> "DenoisingBatch":
        """The ids on a device; places of halves stay on the CPU, where links are computed."""
        return DenoisingBatch(self.masked.to(device), self.begins, self.sizes)


@dataclass(frozen=True)
class Labels:
    """Where the masked tokens of a batch point to.

    Attributes:
        tokens: position in the ids of each masked token that has a link.
        half: number of its half: twice the number of its pair, plus 1 in the second sentence.
        places: place of the linked token among the ordinary tokens of the other half.
    """

    tokens: IntArray
    half: IntArray
    places: IntArray


class DWA(Task[DenoisingBatch]):
    """Lower bound in nats on I(masked pair; place of the aligned token), of masked tokens that have a link.

    The model labels the pair without masks, without gradient: similarities H H'^T at a middle layer, two rounds of
    Sinkhorn's scaling, links by `itermax_links`; a token with two links has the one of the larger mass. Then it reads
    the pair with masks, and a masked token i points at the place j of its link in the other sentence:

        loss = -log softmax over j of (W_q h_i) . (W_k h_j) / sqrt(hidden)    (Chi et al. 2021, XLM-Align)

    bound = H(place) - loss, ceiling H(place). The places are those of the model's alignment, so the bound says how
    much of it survives the masks, not whether it is right; `lab evaluate --task alignment` says that. In training
    H(place) is counted in the joint micro-batch, which is too low on average, so on the safe side.

    Attributes:
        pointer_query, pointer_key: the linear maps W_q and W_k, with biases.
    """

    key = "dwa"
    section = "dwa"
    stream = 1001
    reads = Pairs(in_one_input=True)

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        super().__init__(settings, language_model)
        config = language_model.config
        self.denoising: DenoisingSettings = settings.dwa
        self.layer = settings.dwa.labelling_layer(config.num_hidden_layers)
        if config.num_hidden_layers < 2 or self.layer > config.num_hidden_layers:
            raise InputError(
                f"dwa labels words by hidden state {self.layer}, below the top one or the top one itself, but the "
                f"checkpoint has {config.num_hidden_layers} layers: choose another --dwa.layer or checkpoint"
            )
        self.longest = longest_sentence(settings.model.max_tokens, 2)
        self.pointer_query, self.pointer_key = (
            nn.Linear(config.hidden_size, config.hidden_size) for _ in range(2)
        )

    def batches(
        self, rows: IntArray, reader: RowReader, rng: np.random.Generator
    ) -> Sequence[DenoisingBatch]:
        return self.masked_batches(rows, reader, rng, self.denoising)

    def masked_batches(
        self, rows: IntArray, reader: RowReader, rng: np.random.Generator, masking: MaskingSettings
    ) -> Sequence[DenoisingBatch]:
        """Like `batches`, masked by the given settings."""
        examples = rows.reshape(len(rows), -1)
        lengths = reader.corpus.lengths_of(examples, longest_sentence(reader.max_tokens, 2))
        parts = (lengths[shard :: reader.num_shards] for shard in reader.local)
        return [
            DenoisingBatch(batch, *map(torch.from_numpy, (half_begins(part), part - 2)))
            for batch, part in zip(reader.masked(examples, masking, rng), parts, strict=True)
        ]

    def outcome(self, model: InfoXLM, batch: DenoisingBatch, shard: Shard) -> Outcome:
        labels = self.labels(model, batch)
        losses = self.losses(model, batch, labels)
        # over all processes, since only the model knows which tokens have links
        counts = np.bincount(labels.places, minlength=self.longest)
        links, masked, *places = all_reduce_sum([len(labels.places), batch.count, *counts.tolist()])
        ceiling = float(entropy(places)) if links else 0.0
        # the mean over links, as a sum over masked tokens
        return Outcome(losses.sum() * (masked / max(1.0, links)), batch.count, ceiling * batch.count)

    @torch.no_grad()
    def labels(self, model: InfoXLM, batch: DenoisingBatch) -> Labels:
        """Links of the masked tokens of a batch, read off the pairs without masks."""
        training = model.training
        model.eval()
        whole = batch.whole
        packing = pack(whole.lengths, whole.ids.device)
        *_, state = hidden_states(model.encoder, whole, packing, self.layer)
        model.train(training)
        states, masked = state.double().cpu().numpy(), set(batch.masked.positions.tolist())
        labels = [
            (token, 2 * pair + half, place)
            for pair, (begins, sizes) in enumerate(
                zip(batch.begins.tolist(), batch.sizes.tolist(), strict=True)
            )
            for token, half, place in _pointers(states, begins, sizes)
            if token in masked
        ]
        tokens, halves, places = np.array(sorted(labels), dtype=np.int64).reshape(-1, 3).T
        return Labels(tokens, halves, places)

    def losses(self, model: InfoXLM, batch: DenoisingBatch, labels: Labels) -> Float[Tensor, " links"]:
        """Cross-entropy in nats of each label among the ordinary tokens of the other half."""
        sequences, device = batch.masked.sequences, batch.masked.sequences.ids.device
        packing = pack(sequences.lengths, device)
        *_, state = hidden_states(model.encoder, sequences, packing)
        queries = self.pointer_query(state[torch.from_numpy(labels.tokens).to(device)])
        if not len(labels.tokens):
            return queries.sum(-1)
        halves, inside = np.unique(labels.half, return_inverse=True)
        keys, begins, sizes = (
            self.pointer_key(state),
            batch.begins.flip(1).flatten(),
            batch.sizes.flip(1).flatten(),
        )
        of_half = [
            keys[begin : begin + size]
            for begin, size in zip(begins[halves].tolist(), sizes[halves].tolist(), strict=True)
        ]
        scores = _scores(queries, inside, of_half) / math.sqrt(state.shape[1])
        return cross_entropy(scores, torch.from_numpy(labels.places).to(device), reduction="none")


def _pointers(
    states: np.ndarray, begins: Sequence[int], sizes: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Position, half and linked place of each token of a pair that has a link, that of the largest mass."""
    (begin, other_begin), (size, other_size) = begins, sizes
    plan = transported(states[begin : begin + size] @ states[other_begin : other_begin + other_size].T)
    links = sorted(itermax_links(plan), key=lambda link: plan[link])
    # later links, of larger mass, take the place of earlier ones
    yield from ((begin + i, 0, j) for i, j in dict(links).items())
    yield from ((other_begin + j, 1, i) for j, i in {j: i for i, j in links}.items())


def _scores(
    queries: Float[Tensor, "links hidden"], inside: IntArray, keys: Sequence[Tensor]
) -> Float[Tensor, "links longest"]:
    """Products of each query with the keys of its half, -inf where the half has no more tokens."""
    queries = at_least_float32(queries)
    padded_keys = at_least_float32(pad_sequence(list(keys), batch_first=True))
    sizes = torch.tensor([len(each) for each in keys], device=queries.device)
    counts = np.bincount(inside, minlength=len(keys))
    # links of a half stand beside each other, since they are sorted by position
    padded_queries = pad_sequence(list(queries.split(counts.tolist())), batch_first=True)
    with torch.autocast(queries.device.type, enabled=False):
        products = padded_queries @ padded_keys.transpose(1, 2)
    real = torch.arange(padded_queries.shape[1])[None] < torch.from_numpy(counts)[:, None]
    outside = (
        torch.arange(products.shape[2], device=queries.device)[None]
        >= sizes[torch.from_numpy(inside).to(queries.device)][:, None]
    )
    return products[real.to(queries.device)].masked_fill(outside, -torch.inf)
