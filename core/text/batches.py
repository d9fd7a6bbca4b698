"""From rows of ids to what a pretext task reads: ragged sequences, masks and their targets, contrast pairs.

Sequences stand one behind the other without padding; the encoder needs to know only their lengths. All random
choices of a step are made for the joint batch of all processes, which then each take their share: the numbers
do not depend on how many there are.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from core.config import MaskedSettings, Settings
from core.text.encoded import EncodedCorpus, IntArray
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
    """Sentences and their translations, aligned; `meanings` tells which candidates are no negatives."""

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


def cut(row: IntArray, content: int) -> IntArray:
    """A row of ids with at most `content` tokens between `<s>` and `</s>`."""
    return row if len(row) <= content + 2 else np.concatenate([row[: content + 1], row[-1:]])


def joined(first: IntArray, second: IntArray, max_tokens: int) -> IntArray:
    """`<s> a </s> b </s>`: one `<s>`, positions run on, each side cut to half the room (paper: 254 of 512)."""
    content = (max_tokens - 3) // 2
    return np.concatenate([cut(first, content), cut(second, content)[1:]])


def masked(
    rows: list[IntArray], settings: MaskedSettings, rng: np.random.Generator, mask_id: int
) -> tuple[list[IntArray], list[IntArray]]:
    """Rows as they are shown, and per row the positions whose token is to be found.

    floor(rate * n + u) of a row's n ordinary tokens are chosen, u uniform in [0, 1); `<s>` and `</s>` count as
    ordinary with `mask_special` only. Of the chosen, `mask_share` show `<mask>`, `random_share` a random ordinary
    token, the rest themselves (80/10/10).
    """
    lengths = np.array([len(row) for row in rows])
    flat = np.concatenate(rows)
    owner = np.repeat(np.arange(len(rows)), lengths)
    ordinary = flat >= (BOS if settings.mask_special else UNK)
    counts = np.floor(
        settings.rate * np.bincount(owner[ordinary], minlength=len(rows)) + rng.random(len(rows))
    )
    order = np.lexsort((np.where(ordinary, rng.random(len(flat)), 2.0), owner))
    rank = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    chosen = np.sort(order[rank < counts[owner]])
    shown, dice = flat.copy(), rng.random(len(chosen))
    random = rng.integers(UNK + 1, mask_id, len(chosen))
    shown[chosen] = np.where(
        dice < settings.mask_share,
        mask_id,
        np.where(dice < settings.mask_share + settings.random_share, random, flat[chosen]),
    )
    cuts = np.cumsum(lengths)[:-1]
    starts = np.cumsum(lengths) - lengths
    positions = np.split(
        chosen - starts[owner[chosen]], np.searchsorted(owner[chosen], np.arange(1, len(rows)))
    )
    return np.split(shown, cuts), positions


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
    """Builds the batch of a step, or one process's share of it, from the rows a sampler drew."""

    def __init__(self, corpus: EncodedCorpus, settings: Settings, mask_id: int) -> None:
        self.corpus, self.settings, self.mask_id = corpus, settings, mask_id

    def build(self, step: int, draw: Draw, share: int = 0, shares: int = 1) -> Batch:
        """The batch of `share` out of `shares` (processes times micro-batches)."""
        return Batch(
            self._mmlm(step, draw, share, shares) if len(draw.mmlm) else None,
            self._tlm(step, draw, share, shares) if len(draw.tlm) else None,
            self._xlco(step, draw, share, shares) if len(draw.xlco) else None,
        )

    def _rng(self, step: int, task: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, task, step, 1])

    def _rows(self, indices: IntArray) -> list[IntArray]:
        content = self.settings.model.max_tokens - 2
        return [cut(self.corpus.row(int(index)), content) for index in indices]

    def _mmlm(self, step: int, draw: Draw, share: int, shares: int) -> MaskedBatch:
        return self._mask(self._rows(draw.mmlm), self.settings.mmlm, self._rng(step, MMLM), share, shares)

    def _tlm(self, step: int, draw: Draw, share: int, shares: int) -> MaskedBatch:
        sources, targets = self._rows(draw.tlm[:, 0]), self._rows(draw.tlm[:, 1])
        rows = [joined(a, b, self.settings.model.max_tokens) for a, b in zip(sources, targets, strict=True)]
        return self._mask(rows, self.settings.tlm, self._rng(step, TLM), share, shares)

    def _mask(
        self,
        rows: list[IntArray],
        settings: MaskedSettings,
        rng: np.random.Generator,
        share: int,
        shares: int,
    ) -> MaskedBatch:
        shown, positions = masked(rows, settings, rng, self.mask_id)
        return masked_batch(rows[share::shares], shown[share::shares], positions[share::shares])

    def _xlco(self, step: int, draw: Draw, share: int, shares: int) -> ContrastBatch:
        rng = self._rng(step, XLCO)
        sides = [self._rows(draw.xlco[:, side]) for side in (0, 1)]
        meanings = np.asarray(self.corpus.meaning)[draw.xlco[:, 0]]
        if self.settings.contrast.mixup:
            sides = [self._mixed(rows, rng) for rows in sides]
            meanings = meanings[0::2]
        if self.settings.contrast.mask_inputs:
            sides = [masked(rows, self.settings.mmlm, rng, self.mask_id)[0] for rows in sides]
        queries, keys = (Sequences.of(rows[share::shares]) for rows in sides)
        return ContrastBatch(queries, keys, torch.from_numpy(meanings[share::shares].copy()))

    def _mixed(self, rows: list[IntArray], rng: np.random.Generator) -> list[IntArray]:
        """Two sentences as one, in an order drawn for this side alone (the paper's mixup contrast)."""
        swap = rng.random(len(rows) // 2) < 0.5
        longest = self.settings.model.max_tokens
        return [
            joined(b, a, longest) if swapped else joined(a, b, longest)
            for a, b, swapped in zip(rows[0::2], rows[1::2], swap, strict=True)
        ]


def plain(rows: list[IntArray], max_tokens: int) -> Sequences:
    """Sentences as they are, cut to the longest input: what evaluation encodes."""
    assert all(row[0] == BOS for row in rows)
    return Sequences.of([cut(row, max_tokens - 2) for row in rows])
