"""Turns rows of ids into the input of a pretext task: ragged sequences, masks with their targets, contrast pairs.

Sequences stand one after the other without padding; the encoder needs only their lengths. All random choices of a
step are made for the joint batch of all processes, and each process then takes its share. So the numbers do not
depend on the number of processes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.task_settings import MaskingSettings
from core.text.arrays import IntArray, concatenated_ranges
from core.text.encoded import EncodedCorpus, Rows
from core.text.tokenizer import BOS, UNK


@dataclass(frozen=True)
class Sequences:
    """Token sequences without padding: `ids` holds them one after the other."""

    ids: Int[Tensor, " tokens"]
    lengths: Int[Tensor, " sequences"]

    def to(self, device: torch.device) -> "Sequences":
        """The ids on a device; lengths stay on the CPU, where they plan the attention."""
        return Sequences(self.ids.to(device, non_blocking=True), self.lengths)


@dataclass(frozen=True)
class MaskedBatch:
    """Masked sequences with the tokens to predict: the position in `sequences.ids` and the true id of each."""

    sequences: Sequences
    positions: Int[Tensor, " masked"]
    targets: Int[Tensor, " masked"]

    @classmethod
    def of(cls, whole: Rows, shown: Rows) -> "MaskedBatch":
        """A batch from whole rows and the rows as they are shown; tokens that differ are predicted."""
        positions = np.flatnonzero(whole.ids != shown.ids)
        return cls(
            sequences(shown),
            torch.from_numpy(positions),
            torch.from_numpy(whole.ids[positions].astype(np.int64)),
        )

    @property
    def count(self) -> int:
        """Tokens to predict."""
        return len(self.targets)

    @property
    def tokens(self) -> int:
        """Tokens that the encoder reads."""
        return len(self.sequences.ids)

    def to(self, device: torch.device) -> "MaskedBatch":
        return MaskedBatch(self.sequences.to(device), self.positions.to(device), self.targets.to(device))


@dataclass(frozen=True)
class PairBatch:
    """Sentences and their translations, aligned; candidates with the query's number in `meanings` are no negatives.

    The meaning of an example is its component, so equal texts share a meaning. The meaning of a mixed example is the
    set of its two components.
    """

    queries: Sequences
    keys: Sequences
    meanings: Int[Tensor, " pairs"]

    @property
    def count(self) -> int:
        """Pairs of sentences."""
        return len(self.meanings)

    @property
    def tokens(self) -> int:
        """Tokens that the encoders of both sides read."""
        return len(self.queries.ids) + len(self.keys.ids)

    def to(self, device: torch.device) -> "PairBatch":
        return PairBatch(self.queries.to(device), self.keys.to(device), self.meanings.to(device))


def sequences(rows: Rows) -> Sequences:
    """Rows of ids as tensors."""
    return Sequences(torch.from_numpy(rows.ids.astype(np.int64)), torch.from_numpy(rows.lengths))


def longest_sentence(max_tokens: int, sentences_per_input: int) -> int:
    """Tokens of a sentence that stands with others in one input, `<s>` and `</s>` included.

    `<s> a </s> b </s>` halves the room (paper: 254 of 512).

    >>> longest_sentence(512, 1), longest_sentence(512, 2)
    (512, 256)
    """
    return (max_tokens - sentences_per_input - 1) // sentences_per_input + 2


def half_begins(lengths: IntArray) -> IntArray:
    """Positions of the first ordinary token of both halves of `<s> a </s> b </s>`, pair after pair, [pairs, 2].

    `lengths`, [pairs, 2], are those of the sentences alone, `<s>` and `</s>` included.
    """
    whole = lengths.sum(1) - 1
    begins = np.cumsum(whole) - whole + 1
    return np.stack([begins, begins + lengths[:, 0] - 1], axis=1)


@dataclass(frozen=True)
class MaskNoise:
    """The random numbers behind the masks of a batch, drawn before a token is read.

    Attributes:
        rounding: per row, uniform in [0, 1); rounds the number of masked tokens up or down.
        rank: per token, uniform in [0, 1); the tokens of a row are masked in its order.
        replacement_kind: per token, uniform in [0, 1); decides between `<mask>`, a random token and the token itself.
        random_token: per token, the random ordinary token.
    """

    rounding: np.ndarray
    rank: np.ndarray
    replacement_kind: np.ndarray
    random_token: IntArray

    @classmethod
    def draw(cls, lengths: IntArray, mask_id: int, rng: np.random.Generator) -> "MaskNoise":
        """Draws the random numbers of rows with these lengths."""
        tokens = int(lengths.sum())
        return cls(
            rng.random(len(lengths)),
            rng.random(tokens),
            rng.random(tokens),
            rng.integers(UNK + 1, mask_id, tokens),
        )

    def take(self, rows: IntArray, tokens: IntArray) -> "MaskNoise":
        """The random numbers of some rows, given the positions of their tokens."""
        return MaskNoise(
            self.rounding[rows], self.rank[tokens], self.replacement_kind[tokens], self.random_token[tokens]
        )


def masked(rows: Rows, settings: MaskingSettings, noise: MaskNoise, mask_id: int) -> MaskedBatch:
    """Masks tokens of rows.

    A row with n ordinary tokens has floor(rate * n + u) tokens to predict, u uniform in [0, 1); `<s>` and `</s>`
    count as ordinary with `mask_special` only. A share `mask_share` of these shows `<mask>`, a share `random_share`
    shows a random ordinary token, and the rest shows the token itself (80/10/10).
    """
    owner = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
    ordinary = rows.ids >= (BOS if settings.mask_special else UNK)
    counts = np.floor(
        settings.rate * np.bincount(owner[ordinary], minlength=len(rows.lengths)) + noise.rounding
    )
    # sorted by row, with special tokens last: one key sorts faster than two
    order = np.argsort(owner + np.where(ordinary, noise.rank / 2, 0.75))
    rank = np.arange(len(owner)) - rows.starts[owner]
    positions = np.sort(order[rank < counts[owner]])
    shown, dice = rows.ids.copy(), noise.replacement_kind[positions]
    shown[positions] = np.where(
        dice < settings.mask_share,
        mask_id,
        np.where(
            dice < settings.mask_share + settings.random_share,
            noise.random_token[positions],
            rows.ids[positions],
        ),
    )
    return MaskedBatch(
        sequences(Rows(shown, rows.lengths)),
        torch.from_numpy(positions),
        torch.from_numpy(rows.ids[positions].astype(np.int64)),
    )


class RowReader:
    """Reads the rows of a joint batch as the inputs of this process's micro-batches.

    The joint batch is dealt out in `num_shards` shards: shard k has the examples k, k + num_shards, ... This process
    reads the shards with the numbers `local`. Random numbers are drawn for the joint batch before a token is read,
    and only the tokens of local shards are read.
    """

    def __init__(
        self,
        corpus: EncodedCorpus,
        max_tokens: int,
        mask_id: int,
        local: Sequence[int] = (0,),
        num_shards: int = 1,
    ) -> None:
        self.corpus, self.max_tokens, self.mask_id = corpus, max_tokens, mask_id
        self.local, self.num_shards = local, num_shards

    def plain(self, rows: IntArray) -> list[Sequences]:
        """Each local shard's examples, unmasked; joins the sentences of an example, [examples, sentences]."""
        return [sequences(self._read(rows[shard :: self.num_shards])) for shard in self.local]

    def masked(self, rows: IntArray, masking: MaskingSettings, rng: np.random.Generator) -> list[MaskedBatch]:
        """Each local shard's examples with tokens masked."""
        return [
            masked(self._read(rows[places]), masking, noise, self.mask_id)
            for places, noise in self._noise(rows, rng)
        ]

    def meanings(self, rows: IntArray) -> list[Int[Tensor, " examples"]]:
        """A number for the meaning of each local shard's examples, as `EncodedCorpus.identities` gives it."""
        return [
            torch.from_numpy(self.corpus.identities(rows[shard :: self.num_shards])) for shard in self.local
        ]

    def _read(self, examples: IntArray) -> Rows:
        """One row per example, of the sentences it joins: one `<s>`, positions run on."""
        sentences = examples.shape[1]
        rows = self.corpus.rows(examples.ravel(), longest_sentence(self.max_tokens, sentences))
        return rows.joined(sentences)

    def _noise(self, examples: IntArray, rng: np.random.Generator) -> Iterator[tuple[IntArray, MaskNoise]]:
        """The examples of each local shard and their random numbers, drawn by lengths alone: no token is read."""
        joined = examples.shape[1]
        lengths = (
            self.corpus.lengths_of(examples, longest_sentence(self.max_tokens, joined)).sum(1) - joined + 1
        )
        noise, starts = MaskNoise.draw(lengths, self.mask_id, rng), np.cumsum(lengths) - lengths
        for shard in self.local:
            places = np.arange(shard, len(examples), self.num_shards)
            yield places, noise.take(places, concatenated_ranges(starts[places], lengths[places]))


def unmasked(rows: list[IntArray], max_tokens: int) -> Sequences:
    """Sentences without masks, cut to `max_tokens`: the input of evaluations."""
    assert all(row[0] == BOS for row in rows)
    return sequences(Rows.of(rows, max_tokens))
