"""WEAM in the ledger: what a context, its translation and the links of an aligner tell of a masked token."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from core.objectives import tasks_of
from core.objectives.weam import WEAM
from core.streams import LEDGER_LINKS
from core.text.arrays import IntArray
from core.text.batches import RowReader
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.held_out_pairs import by_meaning, held_out_pairs, masked_for_ledger
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun
from lab.evaluate.ledger.masked import MaskedInformation
from lab.evaluate.ledger.reading import Reading
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.row import Row
from lab.text import open_text

CAVEAT = (
    "of tokens that the aligner links; links were read off both whole sentences, so the truth may exceed that of TLM; "
    "WEAM-style, a reconstruction"
)


class WEAMLedger(LedgerTask):
    """I(context, translation, alignment; token) on held-out pairs, of a run that was trained on word exchange.

    Its truth is not known even in a world: the links are a function of the whole pair, and tell of the token what no
    visible text does.
    """

    key: ClassVar[str] = "weam"

    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        information = exchange_information(loaded, effort.sentences, effort.seed)
        if information is None:
            return []
        row = information.row()
        return [{**row, "words": f"{row['words']}; {CAVEAT}"}]

    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        information = exchange_information(loaded, protocol.sentences, loaded.run.info.settings.seed)
        if information is not None:
            yield from information.units(self.key)


def exchange_information(loaded: LoadedRun, pairs: int, seed: int) -> MaskedInformation | None:
    """The information that word exchange shows on held-out pairs, masked by the ledger's rule.

    None for a run that was not trained on it, and where no pair is held out or has links.

    Args:
        loaded: the run.
        pairs: drawn as training draws them.
        seed: of pairs and masks.
    """
    task = tasks_of(loaded.model).get(WEAM.key)
    if not isinstance(task, WEAM):
        return None
    open_text(task, loaded.corpus, loaded.tokenizer.size, loaded.progress)
    rng = np.random.default_rng([seed, LEDGER_LINKS])
    rows = held_out_pairs(loaded, pairs, rng)
    reading = exchange_reading(loaded, task, rows, rng)
    if not reading.counts.sum():
        return None
    entropy = task.target_entropy(loaded.corpus, loaded.sampler, loaded.tokenizer.size)
    return MaskedInformation(task.key, reading, entropy, 0.0, None, 2 * pairs, loaded.num_layers)


@torch.no_grad()
def exchange_reading(loaded: LoadedRun, task: WEAM, rows: IntArray, rng: np.random.Generator) -> Reading:
    """Cross-entropies of the linked tokens of some pairs, by meaning; every masked token shows `<mask>`."""
    masking = masked_for_ledger(task.exchange)
    reader = RowReader(loaded.corpus, loaded.model.settings.model.max_tokens, loaded.tokenizer.mask_id)
    device = next(loaded.model.parameters()).device
    sums, counts = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    for begin in range(0, len(rows), BATCH):
        (batch,) = task.masked_batches(rows[begin : begin + BATCH, None], reader, rng, masking)
        ends = batch.sequences.lengths.cumsum(0)
        owners = begin + torch.searchsorted(ends, batch.positions, right=True).numpy()
        nats = task.losses(loaded.model, batch.to(device)).double().cpu().numpy()
        sums += np.bincount(owners, nats, minlength=len(rows))
        counts += np.bincount(owners, minlength=len(rows))
        loaded.progress(f"reading {task.key}", min(begin + BATCH, len(rows)), len(rows))
    return by_meaning(loaded, rows, sums, counts)
