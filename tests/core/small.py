"""A model and batches small enough to check by hand."""

import numpy as np
import torch

from core.config import ModelSettings, Settings
from core.model.infoxlm import InfoXLM, language_model
from core.objectives import build_model
from core.task_settings import ContrastSettings
from core.text.batches import MaskNoise, PairBatch, Sequences, longest_sentence, masked
from core.text.encoded import Rows


def settings(**contrast) -> Settings:
    return Settings(
        model=ModelSettings(layers=3, hidden=16, heads=2, feedforward=32, max_tokens=32),
        contrast=ContrastSettings(**{"layer": 2, "queue": 8, "prefill": False, **contrast}),
    )


def model(run_settings: Settings, seed: int = 1) -> InfoXLM:
    return build_model(language_model(run_settings.model, 40, seed), run_settings)


def sequences(lengths, seed: int) -> Sequences:
    generator = torch.Generator().manual_seed(seed)
    inside = [torch.randint(4, 39, (n - 2,), generator=generator) for n in lengths]
    ids = torch.cat([torch.cat([torch.tensor([0]), row, torch.tensor([2])]) for row in inside])
    return Sequences(ids, torch.tensor(lengths))


def pairs(count: int = 4, seed: int = 0) -> PairBatch:
    lengths = [4 + i % 3 for i in range(count)]
    return PairBatch(sequences(lengths, seed), sequences(lengths[::-1], seed + 1), torch.arange(count))


def rows_of(sequences: Sequences) -> list[np.ndarray]:
    return [row.numpy() for row in sequences.ids.split(sequences.lengths.tolist())]


def mask(rows, masking, seed, mask_id):
    """Rows as they are shown, and the positions to be found in each."""
    lengths = np.array([len(row) for row in rows])
    chances = MaskNoise.draw(lengths, mask_id, np.random.default_rng(seed))
    batch = masked(Rows(np.concatenate(rows), lengths), masking, chances, mask_id)
    positions, ends = batch.positions.numpy(), np.cumsum(lengths)
    where = np.split(positions, np.searchsorted(positions, ends[:-1]))
    return rows_of(batch.sequences), [at - (end - n) for at, end, n in zip(where, ends, lengths, strict=True)]


def join(encoded, pair, longest):
    """Two sentences of a corpus as one input."""
    rows = [encoded.row(int(index)) for index in pair]
    return Rows.of(rows, longest_sentence(longest, len(rows))).joined(len(rows)).ids
