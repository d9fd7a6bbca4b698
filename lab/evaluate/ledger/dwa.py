"""DWA in the ledger: what a masked pair tells of the place of the token that a masked token is aligned to."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from core.objectives import tasks_of
from core.objectives.dwa import DWA
from core.streams import LEDGER_LINKS
from core.text.arrays import IntArray
from core.text.batches import RowReader
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.held_out_pairs import by_meaning, held_out_pairs, masked_for_ledger
from lab.evaluate.ledger.limits import NORMAL, ONE_SIDED_NORMAL
from lab.evaluate.ledger.loaded_run import BATCH, LoadedRun
from lab.evaluate.ledger.reading import Reading
from lab.evaluate.ledger.rows import ledger_row
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.row import Row
from lab.evaluate.units import units
from lab.figures.tasks import PER_LINK

CAVEAT = (
    "places are those of the run's own alignment, right or wrong: lab evaluate --task alignment says which"
)


@dataclass(frozen=True)
class PointedInformation:
    """A lower bound on I(masked pair; place of the aligned token) in nats: H(place) less the cross-entropy.

    Attributes:
        reading: cross-entropies of the masked tokens with a link, by meaning.
        places: how many of them point to each place.
        pairs: that were read.
        layer: hidden state that points.
    """

    reading: Reading
    places: IntArray
    pairs: int
    layer: int

    @property
    def entropy(self) -> float:
        """H(place) in nats, counted in the same tokens, so too low on average."""
        shares = self.shares
        return float(-(shares * np.log(shares)).sum())

    @property
    def shares(self) -> np.ndarray:
        """The part of the tokens that point to each place, without places that none points to."""
        return self.places[self.places > 0] / self.places.sum()

    @property
    def entropy_error(self) -> float:
        """Standard error of H(place), with tokens as independent draws."""
        surprise = -np.log(self.shares)
        variance = float((self.shares * (surprise - self.entropy) ** 2).sum())
        return math.sqrt(variance / self.places.sum())

    def row(self) -> Row:
        """The row of the ledger; its interval joins those of the loss, over meanings, and of H(place)."""
        limits, value = self.reading.limits(self.entropy), self.entropy - self.reading.mean

        def widened(sign: int, end: float, errors: float) -> float:
            return value + sign * math.hypot(end - self.reading.mean, errors * self.entropy_error)

        row = ledger_row(
            "dwa", value, widened(-1, float(limits.high), NORMAL), widened(1, float(limits.low), NORMAL), self.entropy,
            limit="= H(place)",
            at_least=widened(-1, float(limits.most), ONE_SIDED_NORMAL),
            method="H(place) - cross-entropy",
            layer=self.layer,
            n=int(self.reading.counts.sum()),
            unit=PER_LINK,
            units_per_sentence=float(self.reading.counts.sum()) / (2 * self.pairs),
        )  # fmt: skip
        return {**row, "words": f"{row['words']}; {CAVEAT}"}


class DWALedger(LedgerTask):
    """I(masked pair; place of the aligned token) on held-out pairs, of a run that was trained on DWA.

    Its truth is not known, since the places are the run's own.
    """

    key: ClassVar[str] = "dwa"

    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        information = pointed_information(loaded, effort.sentences, effort.seed)
        return [] if information is None else [information.row()]

    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        information = pointed_information(loaded, protocol.sentences, loaded.run.info.settings.seed)
        if information is None:
            return
        reading, entropy = information.reading, information.entropy
        bound = entropy * reading.counts - reading.sums
        yield units(self.key, reading.meanings, bound, reading.counts, ceiling=entropy)
        yield units(f"{self.key}_loss", reading.meanings, reading.sums, reading.counts)


@torch.no_grad()
def pointed_information(loaded: LoadedRun, pairs: int, seed: int) -> PointedInformation | None:
    """The information that DWA shows on held-out pairs, masked by the ledger's rule.

    None for a run that was not trained on it, and where no pair is held out or has links.

    Args:
        loaded: the run.
        pairs: drawn as training draws them.
        seed: of pairs and masks.
    """
    task = tasks_of(loaded.model).get(DWA.key)
    if not isinstance(task, DWA):
        return None
    rng = np.random.default_rng([seed, LEDGER_LINKS])
    rows, masking = held_out_pairs(loaded, pairs, rng), masked_for_ledger(task.denoising)
    reader = RowReader(loaded.corpus, loaded.model.settings.model.max_tokens, loaded.tokenizer.mask_id)
    device = next(loaded.model.parameters()).device
    sums, counts = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    places = np.zeros(task.longest, dtype=np.int64)
    for begin in range(0, len(rows), BATCH):
        (batch,) = task.masked_batches(rows[begin : begin + BATCH, None], reader, rng, masking)
        batch = batch.to(device)
        labels = task.labels(loaded.model, batch)
        nats = task.losses(loaded.model, batch, labels).double().cpu().numpy()
        owners = begin + labels.half // 2
        sums += np.bincount(owners, nats, minlength=len(rows))
        counts += np.bincount(owners, minlength=len(rows))
        places += np.bincount(labels.places, minlength=len(places))
        loaded.progress(f"reading {task.key}", min(begin + BATCH, len(rows)), len(rows))
    if not counts.sum():
        return None
    return PointedInformation(by_meaning(loaded, rows, sums, counts), places, pairs, loaded.num_layers)
