"""From rows of ids to what a pretext task reads: ragged sequences, masks and their targets, contrast pairs.

Sequences stand one behind the other without padding; the encoder needs to know only their lengths. All random
choices of a step are made for the joint batch of all processes, which then each take their share: the numbers
do not depend on how many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.config import MaskedSettings, Settings
from core.text.arrays import IntArray, concatenated_ranges
from core.text.encoded import EncodedCorpus, Rows
from core.text.sampling import MMLM, TLM, XLCO, Draw
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
    """Masked sequences with the tokens to be found: position in `sequences.ids`, true id and language of each."""

    sequences: Sequences
    positions: Int[Tensor, " masked"]
    targets: Int[Tensor, " masked"]

    def to(self, device: torch.device) -> "MaskedBatch":
        return MaskedBatch(self.sequences.to(device), self.positions.to(device), self.targets.to(device))


@dataclass(frozen=True)
class ContrastBatch:
    """Sentences and their translations, aligned; candidates with the same of `meanings` are no negatives.

    The meaning of an example is its component, so that equal texts have one; that of a mixed example is the set of two.
    """

    queries: Sequences
    keys: Sequences
    meanings: Int[Tensor, " pairs"]

    def to(self, device: torch.device) -> "ContrastBatch":
        return ContrastBatch(self.queries.to(device), self.keys.to(device), self.meanings.to(device))


@dataclass(frozen=True)
class Batch:
    """What one step, or one process's share of it, reads; a task that is off has None."""

    mmlm: MaskedBatch | None
    tlm: MaskedBatch | None
    xlco: ContrastBatch | None

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(part and part.to(device) for part in (self.mmlm, self.tlm, self.xlco)))  # pyright: ignore[reportArgumentType]

    @property
    def tokens(self) -> int:
        """Tokens read by the encoders, the key side included."""
        parts = [part.sequences for part in (self.mmlm, self.tlm) if part]
        parts += [self.xlco.queries, self.xlco.keys] if self.xlco else []
        return sum(len(part.ids) for part in parts)


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

    Per row a uniform number for rounding; per token its place in the order of choice and what is shown of it, both
    uniform, and a random ordinary token.
    """

    rounding: np.ndarray
    order: np.ndarray
    shown: np.ndarray
    token: IntArray

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
        return MaskNoise(self.rounding[rows], self.order[tokens], self.shown[tokens], self.token[tokens])


def masked(rows: Rows, settings: MaskedSettings, chances: MaskNoise, mask_id: int) -> MaskedBatch:
    """Rows as they are shown, with the tokens to be found.

    floor(rate * n + u) of a row's n ordinary tokens are chosen, u uniform in [0, 1); `<s>` and `</s>` count as
    ordinary with `mask_special` only. Of the chosen, `mask_share` show `<mask>`, `random_share` a random ordinary
    token, the rest themselves (80/10/10).
    """
    owner = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
    ordinary = rows.ids >= (BOS if settings.mask_special else UNK)
    counts = np.floor(
        settings.rate * np.bincount(owner[ordinary], minlength=len(rows.lengths)) + chances.rounding
    )
    # row by row, what may not be chosen last: one key sorts faster than two
    order = np.argsort(owner + np.where(ordinary, chances.order / 2, 0.75))
    rank = np.arange(len(owner)) - rows.starts[owner]
    chosen = np.sort(order[rank < counts[owner]])
    shown, dice = rows.ids.copy(), chances.shown[chosen]
    shown[chosen] = np.where(
        dice < settings.mask_share,
        mask_id,
        np.where(dice < settings.mask_share + settings.random_share, chances.token[chosen], rows.ids[chosen]),
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


class Batches:
    """Builds the batch of a step, or one process's share of it, from the rows a sampler drew.

    Only the tokens of the share are read.
    """

    def __init__(self, corpus: EncodedCorpus, settings: Settings, mask_id: int) -> None:
        self.corpus, self.settings, self.mask_id = corpus, settings, mask_id

    def build(self, step: int, draw: Draw, share: int = 0, shares: int = 1) -> Batch:
        """The batch of `share` out of `shares`: of each task the examples share, share + shares, ..."""
        return self.parts(step, draw, [share], shares)[0]

    def parts(self, step: int, draw: Draw, mine: list[int], shares: int) -> list[Batch]:
        """The batches of several shares."""
        tasks = [
            self._masked(step, MMLM, draw.mmlm[:, None], self.settings.mmlm, mine, shares),
            self._masked(step, TLM, draw.tlm, self.settings.tlm, mine, shares),
            self._contrast(step, draw.xlco, mine, shares),
        ]
        return [Batch(*parts) for parts in zip(*tasks, strict=True)]

    def _masked(
        self,
        step: int,
        task: int,
        examples: IntArray,
        settings: MaskedSettings,
        mine: list[int],
        shares: int,
    ) -> list[MaskedBatch] | list[None]:
        if not len(examples):
            return [None] * len(mine)
        rng = self._rng(step, task)
        return [
            masked(self._read(examples[own]), settings, chances, self.mask_id)
            for own, chances in self._chances(examples, rng, mine, shares)
        ]

    def _contrast(
        self, step: int, pairs: IntArray, mine: list[int], shares: int
    ) -> list[ContrastBatch] | list[None]:
        if not len(pairs):
            return [None] * len(mine)
        contrast, rng = self.settings.contrast, self._rng(step, XLCO)
        examples = pairs.reshape(-1, 1 + contrast.mixup, 2)
        sides: list[list[Sequences]] = []
        for side in (0, 1):
            rows = examples[..., side]
            if contrast.mixup:
                # an order drawn for this side alone
                rows = np.where(rng.random((len(rows), 1)) < 0.5, rows[:, ::-1], rows)
            if contrast.mask_inputs:
                made = [
                    masked(self._read(rows[own]), self.settings.mmlm, chances, self.mask_id).sequences
                    for own, chances in self._chances(rows, rng, mine, shares)
                ]
            else:
                made = [sequences(self._read(rows[share::shares])) for share in mine]
            sides.append(made)
        meanings = [torch.from_numpy(self.corpus.identities(examples[share::shares, :, 0])) for share in mine]
        return [ContrastBatch(*parts) for parts in zip(*sides, meanings, strict=True)]

    def _rng(self, step: int, task: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, task, step, 1])

    def _longest(self, together: int) -> int:
        """Tokens of a sentence that stands with others in one input: `<s> a </s> b </s>` halves the room (paper)."""
        return (self.settings.model.max_tokens - together - 1) // together + 2

    def _read(self, examples: IntArray) -> Rows:
        """One row per example, of the sentences it joins: one `<s>`, positions run on."""
        together = examples.shape[1]
        rows = self.corpus.rows(examples.ravel(), self._longest(together))
        kept = np.ones(len(rows.ids), dtype=bool)
        kept[rows.starts.reshape(-1, together)[:, 1:]] = False
        return Rows(rows.ids[kept], rows.lengths.reshape(-1, together).sum(1) - together + 1)

    def _chances(
        self, examples: IntArray, rng: np.random.Generator, mine: list[int], shares: int
    ) -> Iterator[tuple[IntArray, MaskNoise]]:
        """The examples of each share, and what is drawn for them: it depends on lengths alone, so no token is read."""
        together = examples.shape[1]
        lengths = self.corpus.lengths_of(examples, self._longest(together)).sum(1) - together + 1
        joint, starts = MaskNoise.draw(lengths, self.mask_id, rng), np.cumsum(lengths) - lengths
        for share in mine:
            own = np.arange(share, len(examples), shares)
            yield own, joint.of(own, concatenated_ranges(starts[own], lengths[own]))


def unmasked(rows: list[IntArray], max_tokens: int) -> Sequences:
    """Sentences as they are, cut to the longest input: what evaluation encodes."""
    assert all(row[0] == BOS for row in rows)
    return Sequences.of([truncate(row, max_tokens - 2) for row in rows])
