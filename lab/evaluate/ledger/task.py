"""What a pretext task shows of a run: rows of the ledger, and units for studies."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import pandas as pd

from lab.evaluate.effort import Effort, StudyProtocol
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.row import Row


class LedgerTask(ABC):
    """A pretext task in the ledger and in studies.

    A run that was not trained on the task may still be read. Where the task cannot be read, it has no rows and no
    units.
    """

    key: ClassVar[str]
    """Key of the task's bound in step records, rows and figures, as in `core.objectives`."""

    @abstractmethod
    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        """Rows of the ledger (`ledger_row`): bound, interval, ceiling and, where it is known, truth, in nats."""

    @abstractmethod
    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        """Tables of `lab.evaluate.units.units` for those metrics of the task's style that the text allows.

        Draws depend on the seed of the run alone, so that arms of one seed read the same sentences.
        """
