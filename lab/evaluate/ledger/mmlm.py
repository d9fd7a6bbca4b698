"""MMLM in the ledger: what a context tells of a masked token of its sentence."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import pandas as pd

from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked import MaskedInformation, masked_information
from lab.evaluate.ledger.masked_truth import masked_tasks, masked_truths
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.row import Row
from lab.figures.tasks import MMLM_OWN
from lab.world.truth import ExactInformation

NAMES = {"mmlm": "mmlm", MMLM_OWN: "mmlm_own"}
"""Rows of the ledger, and what studies call them."""


class MMLMLedger(LedgerTask):
    """I(context; token) on the tokens of TLM, and where MMLM sees languages in other proportions also on its own."""

    key: ClassVar[str] = "mmlm"

    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        truths = masked_truths(loaded, effort.truth_sentences, effort.seed)
        return [each.row() for each in _informations(loaded, effort.sentences, effort.seed, truths)]

    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        truths = masked_truths(loaded, protocol.truth_sentences)
        for each in _informations(loaded, protocol.sentences, loaded.run.info.settings.seed, truths):
            yield from each.units(NAMES[each.task])


def _informations(
    loaded: LoadedRun, sentences: int, seed: int, truths: Mapping[str, ExactInformation]
) -> Iterable[MaskedInformation]:
    for task in masked_tasks(loaded):
        if task in NAMES:
            yield masked_information(loaded, task, sentences, seed, truths.get(task))
