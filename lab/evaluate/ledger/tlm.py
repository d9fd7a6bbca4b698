"""TLM in the ledger: what a context and a translation tell of a masked token, and what the translation adds."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from core.objectives.tlm import TLM
from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked import masked_information, masked_reading
from lab.evaluate.ledger.masked_truth import masked_truths
from lab.evaluate.ledger.reading import Reading, difference_limits
from lab.evaluate.ledger.rows import bound_in_words, ledger_row, truth_in_words
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.ledger.wrong_translation import wrong_translations
from lab.evaluate.row import Row
from lab.evaluate.units import units
from lab.figures.tasks import ADDED, PER_TOKEN
from lab.world.truth import ExactInformation


class TLMLedger(LedgerTask):
    """I(context, translation; token), and the part of it that the translation adds."""

    key: ClassVar[str] = "tlm"

    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        if not loaded.pairs:
            return []
        truths = masked_truths(loaded, effort.truth_sentences, effort.seed)
        whole = masked_information(loaded, "tlm", effort.sentences, effort.seed, truths.get("tlm"))
        added = added_information(loaded, effort.sentences, effort.seed, truths.get(ADDED))
        return [whole.row(), added.row()]

    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        if not loaded.pairs:
            return
        seed, truths = loaded.run.info.settings.seed, masked_truths(loaded, protocol.truth_sentences)
        yield from masked_information(loaded, "tlm", protocol.sentences, seed, truths.get("tlm")).units("tlm")
        yield added_information(loaded, protocol.sentences, seed, truths.get(ADDED)).units()
        cost = wrong_translations(loaded, protocol.sentences, seed)
        if cost is not None:
            yield units("wrong_translation", cost.meanings, cost.sums, cost.counts)


@dataclass(frozen=True)
class AddedInformation:
    """I(translation; token | context) in nats, estimated by the cross-entropy of MMLM less that of TLM.

    Both read the same tokens. A difference of two bounds is no bound: it exceeds the truth where MMLM is loose, and
    stays below the truth where TLM is.

    Attributes:
        mmlm, tlm: the two readings.
        entropy: H(token) in nats, the loss of a reader who knows token frequencies only.
        exact: the truth, where a world wrote the text.
        sentences: that were read.
        layer: hidden state that the vocabulary head reads.
    """

    mmlm: Reading
    tlm: Reading
    entropy: float
    exact: ExactInformation | None
    sentences: int
    layer: int

    def row(self) -> Row:
        """The row of the ledger; its interval joins those of both losses by their correlation (Zou and Donner 2008)."""
        low, high = difference_limits(self.mmlm, self.tlm, self.entropy)
        tokens = int(self.tlm.counts.sum())
        row = ledger_row(
            ADDED, self.mmlm.mean - self.tlm.mean, low, high, None,
            kind="estimate",
            truth=self.exact.information_nats if self.exact else None,
            truth_error=self.exact.information_error if self.exact else None,
            method="difference of the bounds",
            layer=self.layer,
            n=tokens,
            unit=PER_TOKEN,
            units_per_sentence=float(tokens) / self.sentences,
        )  # fmt: skip
        return {**row, "words": added_in_words(row)}

    def units(self) -> pd.DataFrame:
        """The difference by meaning."""
        truth = self.exact.information_nats if self.exact else math.nan
        difference = self.mmlm.sums - self.tlm.sums
        return units(
            "tlm_minus_mmlm", self.tlm.meanings, difference, self.tlm.counts, truth=truth, attainable=truth
        )


def added_information(
    loaded: LoadedRun, sentences: int, seed: int, exact: ExactInformation | None
) -> AddedInformation:
    """The information that the translation adds in the eyes of the model."""
    mmlm, tlm = (masked_reading(loaded, task, sentences, seed) for task in ("mmlm", "tlm"))
    entropy, _ = loaded.token_nats(TLM.reads)
    return AddedInformation(mmlm, tlm, entropy, exact, 2 * sentences, loaded.num_layers)


def added_in_words(row: Mapping[str, Any]) -> str:
    """The row of what the translation adds in one sentence, which claims no bound."""
    return "; ".join(
        [
            f"TLM less MMLM on the same tokens: {bound_in_words(row)} {row['unit'] or 'nats'}",
            "an estimate of I(translation; token | context), which may exceed the truth: a difference of two bounds is "
            "no bound",
            truth_in_words(row),
        ]
    )
