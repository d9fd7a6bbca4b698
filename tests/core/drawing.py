"""Rows and batches of the three tasks, drawn as training draws them."""

from types import SimpleNamespace

import numpy as np

from core.config import ModelSettings, Settings
from core.model.infoxlm import language_model
from core.objectives import TASKS
from core.text.batches import RowReader
from core.text.encoded import EncodedCorpus
from core.text.sampling import Pairs, Sampler, Sentences

TINY = ModelSettings(layers=1, hidden=16, heads=2, feedforward=32)


def draw(sampler: Sampler, step, mmlm=0, tlm=0, xlco=0, joined=1, mix_languages=False) -> SimpleNamespace:
    """Rows for a step: so many examples of each task: [mmlm], [tlm, 2], [xlco * joined, 2]."""
    contrasted = Pairs(joined, mix_languages)
    return SimpleNamespace(
        mmlm=sampler.draw_rows(step, 0, Sentences(), mmlm)[:, 0] if mmlm else np.zeros(0, dtype=np.int64),
        tlm=sampler.draw_rows(step, 1, Pairs(in_one_input=True), tlm)[:, 0] if tlm else EMPTY,
        xlco=sampler.draw_rows(step, 2, contrasted, xlco).reshape(-1, 2) if xlco else EMPTY,
    )


EMPTY = np.zeros((0, 2), dtype=np.int64)
DRAWN = ("mmlm", "tlm", "xlco")
"""Tasks whose rows `draw` gives."""


class Builder:
    """Builds the batches of a step, or of one process's shard of it, from rows that `draw` gave."""

    def __init__(self, encoded: EncodedCorpus, run_settings: Settings, mask_id: int) -> None:
        self.encoded, self.settings, self.mask_id = encoded, run_settings, mask_id
        model = language_model(TINY, 40, 1)
        self.tasks = {task.key: task(run_settings, model) for task in TASKS.values() if task.key in DRAWN}

    def build(self, step: int, rows: SimpleNamespace, shard: int = 0, num_shards: int = 1) -> SimpleNamespace:
        longest = self.settings.model.max_tokens
        reader = RowReader(self.encoded, longest, self.mask_id, [shard], num_shards)
        joined = 1 + self.settings.contrast.mixup
        shaped = {"mmlm": rows.mmlm[:, None], "tlm": rows.tlm, "xlco": rows.xlco.reshape(-1, joined, 2)}
        built = SimpleNamespace()
        for key, task in self.tasks.items():
            rng = np.random.default_rng([self.settings.seed, task.stream, step, 1])
            (batch,) = task.batches(shaped[key], reader, rng) if len(shaped[key]) else (None,)
            setattr(built, key, batch)
        return built


def tokens(built: SimpleNamespace) -> int:
    """Tokens that the encoders read."""
    return sum(batch.tokens for batch in vars(built).values() if batch is not None)
