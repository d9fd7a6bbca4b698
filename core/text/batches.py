"""From rows of ids to what a pretext task reads: ragged sequences, masks and their targets, contrast pairs.

Sequences stand one behind the other without padding; the encoder needs to know only their lengths. All random
choices of a step are made for the joint batch of all processes, which then each take their share: the numbers
do not depend on how many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.config import MaskedSettings
from core.text.arrays import IntArray, concatenated_ranges
from core.text.encoded import EncodedCorpus, Rows
from core.text.tokenizer import BOS, UNK


@dataclass(frozen=True)
class Sequences:
    """Token sequences without padding: `ids` holds them one behind the other."""

    ids: Int[Tensor, " tokens"]
    lengths: Int[Tensor, " sequences"]

    @classmethod
    def of(cls, rows: list[IntArray]) -> "Sequences":
        """From one array of ids per sequence."""
        flat = np.concatenate(rows) if rows else np.zeros(0)
        return cls(
            torch.from_numpy(flat.astype(np.int64)),
            torch.tensor([len(row) for row in rows], dtype=torch.int64),
        )

    def to(self, device: torch.device) -> "Sequences":
        """The ids on a device; lengths stay on the CPU, where they plan the attention."""
        return Sequences(self.ids.to(device, non_blocking=True), self.lengths)


@dataclass(frozen=True)
class MaskedBatch:
    """Masked sequences with the tokens to be found: position in `sequences.ids` and true id of each."""

    sequences: Sequences
    positions: Int[Tensor, " masked"]
    targets: Int[Tensor, " masked"]

    @property
    def count(self) -> int:
        """Tokens to be found."""
        return len(self.targets)

    @property
    def tokens(self) -> int:
        """Tokens that the encoder reads."""
        return len(self.sequences.ids)

    def to(self, device: torch.device) -> "MaskedBatch":
        return MaskedBatch(self.sequences.to(device), self.positions.to(device), self.targets.to(device))


@dataclass(frozen=True)
class PairBatch:
    """Sentences and their translations, aligned; candidates with the same of `meanings` are no negatives.

    The meaning of an example is its component, so that equal texts have one; that of a mixed example is the set of two.
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


def truncate(row: IntArray, content: int) -> IntArray:
    """A row of ids with at most `content` tokens between `<s>` and `</s>`."""
    return row if len(row) <= content + 2 else np.concatenate([row[: content + 1], row[-1:]])


def join_pair(first: IntArray, second: IntArray, max_tokens: int) -> IntArray:
    """`<s> a </s> b </s>`: one `<s>`, positions run on, each side cut to half the room (paper: 254 of 512)."""
    content = (max_tokens - 3) // 2
    return np.concatenate([truncate(first, content), truncate(second, content)[1:]])


@dataclass(frozen=True)
class MaskNoise:
    """What decides the masks of a batch, drawn before a token is read.

    Per row a uniform number for rounding; per token its place in the order of choice and what kind of thing replaces
    it, both uniform, and a random ordinary token.
    """

    rounding: np.ndarray
    rank: np.ndarray
    replacement_kind: np.ndarray
    random_token: IntArray

    @classmethod
    def draw(cls, lengths: IntArray, mask_id: int, rng: np.random.Generator) -> "MaskNoise":
        """For rows of these lengths."""
        tokens = int(lengths.sum())
        return cls(
            rng.random(len(lengths)),
            rng.random(tokens),
            rng.random(tokens),
            rng.integers(UNK + 1, mask_id, tokens),
        )

    def of(self, rows: IntArray, tokens: IntArray) -> "MaskNoise":
        """Those of some rows, with the positions of their tokens."""
        return MaskNoise(
            self.rounding[rows], self.rank[tokens], self.replacement_kind[tokens], self.random_token[tokens]
        )


def masked(rows: Rows, settings: MaskedSettings, noise: MaskNoise, mask_id: int) -> MaskedBatch:
    """Rows as they are shown, with the tokens to be found.

    floor(rate * n + u) of a row's n ordinary tokens are chosen, u uniform in [0, 1); `<s>` and `</s>` count as
    ordinary with `mask_special` only. Of the chosen, `mask_share` show `<mask>`, `random_share` a random ordinary
    token, the rest themselves (80/10/10).
    """
    owner = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
    ordinary = rows.ids >= (BOS if settings.mask_special else UNK)
    counts = np.floor(
        settings.rate * np.bincount(owner[ordinary], minlength=len(rows.lengths)) + noise.rounding
    )
    # row by row, what may not be chosen last: one key sorts faster than two
    order = np.argsort(owner + np.where(ordinary, noise.rank / 2, 0.75))
    rank = np.arange(len(owner)) - rows.starts[owner]
    chosen = np.sort(order[rank < counts[owner]])
    shown, dice = rows.ids.copy(), noise.replacement_kind[chosen]
    shown[chosen] = np.where(
        dice < settings.mask_share,
        mask_id,
        np.where(
            dice < settings.mask_share + settings.random_share, noise.random_token[chosen], rows.ids[chosen]
        ),
    )
    return MaskedBatch(
        sequences(Rows(shown, rows.lengths)),
        torch.from_numpy(chosen),
        torch.from_numpy(rows.ids[chosen].astype(np.int64)),
    )


def masked_batch(rows: list[IntArray], shown: list[IntArray], positions: list[IntArray]) -> MaskedBatch:
    """Tensors of what `masked` returned."""
    starts = np.cumsum([0, *(len(row) for row in rows)])[:-1]
    targets = [row[at] for row, at in zip(rows, positions, strict=True)]
    return MaskedBatch(
        Sequences.of(shown),
        torch.from_numpy(np.concatenate([start + at for start, at in zip(starts, positions, strict=True)])),
        torch.from_numpy(np.concatenate(targets).astype(np.int64)),
    )


class RowReader:
    """Reads the rows of a joint batch as the inputs of this process's micro-batches.

    The joint batch is dealt out in `num_shards` shards, of which this process has the `local` ones: shard k has the
    examples k, k + num_shards, ... Random numbers are drawn for the joint batch before a token is read, and only the
    tokens of local shards are read.
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
        """Each local shard's examples as they are; the sentences of an example, [examples, sentences], joined."""
        return [sequences(self._read(rows[shard :: self.num_shards])) for shard in self.local]

    def masked(self, rows: IntArray, masking: MaskedSettings, rng: np.random.Generator) -> list[MaskedBatch]:
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

    def _longest(self, sentences_per_input: int) -> int:
        """Tokens of a sentence that stands with others in one input: `<s> a </s> b </s>` halves the room (paper)."""
        return (self.max_tokens - sentences_per_input - 1) // sentences_per_input + 2

    def _read(self, examples: IntArray) -> Rows:
        """One row per example, of the sentences it joins: one `<s>`, positions run on."""
        joined = examples.shape[1]
        rows = self.corpus.rows(examples.ravel(), self._longest(joined))
        stays = np.ones(len(rows.ids), dtype=bool)
        stays[rows.starts.reshape(-1, joined)[:, 1:]] = False
        return Rows(rows.ids[stays], rows.lengths.reshape(-1, joined).sum(1) - joined + 1)

    def _noise(self, examples: IntArray, rng: np.random.Generator) -> Iterator[tuple[IntArray, MaskNoise]]:
        """Which examples each local shard has, and what is drawn for them: by their lengths, so no token is read."""
        joined = examples.shape[1]
        lengths = self.corpus.lengths_of(examples, self._longest(joined)).sum(1) - joined + 1
        noise, starts = MaskNoise.draw(lengths, self.mask_id, rng), np.cumsum(lengths) - lengths
        for shard in self.local:
            places = np.arange(shard, len(examples), self.num_shards)
            yield places, noise.of(places, concatenated_ranges(starts[places], lengths[places]))


def unmasked(rows: list[IntArray], max_tokens: int) -> Sequences:
    """Sentences as they are, cut to the longest input: what evaluation encodes."""
    assert all(row[0] == BOS for row in rows)
    return Sequences.of([truncate(row, max_tokens - 2) for row in rows])
