"""Word exchange, a reconstruction of WEAM: what the aligned tokens of a translation tell of a masked token."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import entropy
from torch import Tensor, nn
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLMHead

from core.config import Settings
from core.errors import InputError
from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.objectives.infonce import at_least_float32
from core.objectives.outcome import Outcome
from core.objectives.task import Task
from core.processes import Shard
from core.progress import Progress, no_progress
from core.task_settings import ExchangeSettings, MaskingSettings
from core.text.alignment.linking import link_table
from core.text.alignment.table import LinkTable, TokenLinks
from core.text.arrays import IntArray
from core.text.batches import MaskedBatch, RowReader, Sequences, half_begins, longest_sentence
from core.text.encoded import EncodedCorpus
from core.text.sampling import Pairs, Sampler


@dataclass(frozen=True)
class ExchangeBatch:
    """Masked pairs, and the links of the masked tokens that are predicted.

    Attributes:
        sequences: `<s> a </s> b </s>` of each pair, masked in both halves.
        positions: the predicted tokens in `sequences.ids`.
        targets: true id of each.
        owners: the predicted token of each link, a number of `positions`.
        linked: the token of the other half of each link, a position in `sequences.ids`.
        weights: of each link; those of a predicted token sum to 1.
    """

    sequences: Sequences
    positions: Int[Tensor, " predicted"]
    targets: Int[Tensor, " predicted"]
    owners: Int[Tensor, " links"]
    linked: Int[Tensor, " links"]
    weights: Float[Tensor, " links"]

    @property
    def count(self) -> int:
        """Tokens to predict."""
        return len(self.targets)

    @property
    def tokens(self) -> int:
        """Tokens that the encoder reads."""
        return len(self.sequences.ids)

    def to(self, device: torch.device) -> "ExchangeBatch":
        parts = (self.positions, self.targets, self.owners, self.linked, self.weights)
        return ExchangeBatch(self.sequences.to(device), *(part.to(device) for part in parts))


class WEAM(Task[ExchangeBatch]):
    """Lower bound in nats on I(context, translation, alignment; masked token), of tokens that have links.

    A reconstruction: of WEAM (Yang et al. 2021) the abstract alone is public. The masked token i of one half is
    predicted from the states of the other half, with A the posteriors of a statistical aligner as a fixed prior:

        h_i = sum over j of A_ij h_j / sum over j of A_ij,   loss = -log softmax(head(h_i))[x_i]

    bound = H(token) - loss, ceiling H(token), of the tokens whose links have a mass of more than `mass`, since no
    others are predicted. The aligner has read the whole pair, the token itself included, so this information may exceed
    that of TLM, whose reader is not told the links.

    Attributes:
        own_head: predicts the tokens instead of the head that MMLM and TLM train, or None.
    """

    key = "weam"
    section = "weam"
    stream = 1000
    reads = Pairs(in_one_input=True)

    def __init__(self, settings: Settings, language_model: XLMRobertaForMaskedLM) -> None:
        super().__init__(settings, language_model)
        self.exchange: ExchangeSettings = settings.weam
        self.pivot = settings.text.pivot
        self.own_head = _fresh_head(language_model.config) if settings.weam.head == "separate" else None
        self.table: LinkTable | None = None

    def open_text(self, corpus: EncodedCorpus, vocabulary: int, progress: Progress = no_progress) -> None:
        """Opens the links of the corpus; the first call on a text aligns its translations."""
        self.table = link_table(corpus, self.pivot, vocabulary, progress)

    def _table(self) -> LinkTable:
        if self.table is None:
            raise InputError(
                "no links between the tokens of this text: WEAM reads those that Task.open_text writes (lab train does)"
            )
        return self.table

    def target_entropy(self, corpus: EncodedCorpus, sampler: Sampler, vocabulary: int) -> float:
        """H(token) in nats of the tokens that are predicted."""
        table, weights = self._table(), np.zeros(vocabulary)
        for number, (size, share) in enumerate(zip(table.translations.sizes, sampler.pair_p, strict=True)):
            weights += share / size * table.token_counts(number, self.exchange.mass, vocabulary)
        return float(entropy(weights)) if weights.any() else 0.0

    def batches(self, rows: IntArray, reader: RowReader, rng: np.random.Generator) -> Sequence[ExchangeBatch]:
        return self.masked_batches(rows, reader, rng, self.exchange)

    def masked_batches(
        self, rows: IntArray, reader: RowReader, rng: np.random.Generator, masking: MaskingSettings
    ) -> Sequence[ExchangeBatch]:
        """Like `batches`, masked by the given settings."""
        examples = rows.reshape(len(rows), -1)
        batches = reader.masked(examples, masking, rng)
        # for the joint batch, so that numbers do not depend on how it is dealt out
        turns = rng.random(len(examples)) if self.exchange.prior == "shuffled" else np.zeros(len(examples))
        lengths = reader.corpus.lengths_of(examples, longest_sentence(reader.max_tokens, 2))
        return [
            _with_links(
                batch,
                self._links(examples[part], lengths[part] - 2, turns[part]),
                lengths[part],
                self.exchange.mass,
            )
            for batch, part in zip(
                batches, (slice(at, None, reader.num_shards) for at in reader.local), strict=True
            )
        ]

    def _links(self, examples: IntArray, lengths: IntArray, turns: np.ndarray) -> TokenLinks:
        """The links of sentence pairs, as the setting `prior` wants them; `lengths` without special tokens."""
        links = self._table().of(examples).within(lengths)
        match self.exchange.prior:
            case "aligner":
                return links
            case "uniform":
                return links.spread(lengths)
            case "shuffled":
                return links.turned(lengths, turns)

    def outcome(self, model: InfoXLM, batch: ExchangeBatch, shard: Shard) -> Outcome:
        losses = self.losses(model, batch)
        return Outcome(losses.sum(), batch.count, self.target_entropy_nats * batch.count)

    def losses(self, model: InfoXLM, batch: ExchangeBatch) -> Float[Tensor, " predicted"]:
        """Cross-entropy in nats of each predicted token."""
        tokens, places = batch.linked.unique(return_inverse=True)
        states = at_least_float32(model.masked_states(batch.sequences, tokens))
        links = states[places] * batch.weights[:, None].to(states.dtype)
        exchanged = states.new_zeros(batch.count, states.shape[1]).index_add(0, batch.owners, links)
        return token_losses(self.own_head or model.language_model.lm_head, exchanged, batch.targets)


def _with_links(batch: MaskedBatch, links: TokenLinks, lengths: IntArray, mass: float) -> ExchangeBatch:
    """A masked batch of pairs with the links of those masked tokens whose links have more than `mass` in all."""
    begins = half_begins(lengths)
    number = np.full(batch.tokens, -1)
    number[batch.positions.numpy()] = np.arange(batch.count)
    owners = number[begins[links.pair, links.side] + links.token]
    links, owners = links.where(owners >= 0), owners[owners >= 0]
    masses = np.bincount(owners, links.posterior, minlength=batch.count)
    predicted = masses > mass
    links, owners = links.where(predicted[owners]), owners[predicted[owners]]
    return ExchangeBatch(
        batch.sequences,
        batch.positions[torch.from_numpy(predicted)],
        batch.targets[torch.from_numpy(predicted)],
        torch.from_numpy((np.cumsum(predicted) - 1)[owners]),
        torch.from_numpy(begins[links.pair, 1 - links.side] + links.linked),
        torch.from_numpy((links.posterior / masses[owners]).astype(np.float32)),
    )


def _fresh_head(config: XLMRobertaConfig) -> XLMRobertaLMHead:
    """A vocabulary head with fresh weights, whose output embeddings are its own."""
    head = XLMRobertaLMHead(config)
    # a second name of the decoder's bias, which transformers uses inside its own models
    head.register_parameter("bias", None)
    for layer in (head.dense, head.decoder):
        nn.init.normal_(layer.weight, std=config.initializer_range)
        nn.init.zeros_(layer.bias)
    return head
