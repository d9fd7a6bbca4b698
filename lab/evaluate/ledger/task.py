"""What a pretext task shows of a run: rows of the ledger, and units for studies."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import pandas as pd

from core.config import Frozen
from lab.evaluate.estimates import Row
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.units import Metric

CANDIDATES: Final = (16, 64, 256, 1_024, 4_096, 16_384, 131_072)


@dataclass(frozen=True)
class Effort:
    """How much text a ledger reads.

    Attributes:
        candidates: numbers of candidates of XLCO; those that the text has room for are measured.
        pairs: pairs of languages that XLCO is measured on, each in both directions.
        sentences: drawn for each masked task.
        truth_sentences: drawn for the truth of each masked task, which is computed once per text.
        seed: of everything that is drawn.
    """

    candidates: Sequence[int] = CANDIDATES
    pairs: int = 4
    sentences: int = 2_000
    truth_sentences: int = 1_000
    seed: int = 0


class StudyProtocol(Frozen):
    """How cells of a study are measured, alike in all arms."""

    candidates: int
    """Of XLCO, as far as the text holds out so many."""
    sentences: int
    """Drawn for each of MMLM and TLM."""
    truth_sentences: int
    """Drawn for the truth of each."""
    directions: int
    """Pairs of languages that XLCO is measured on, each in both directions."""


class LedgerTask(ABC):
    """A pretext task in the ledger and in studies.

    A run that was not trained on the task may still be read. Where the task cannot be read, it has no rows and no
    units.
    """

    key: ClassVar[str]
    """As in `core.objectives`: of its bound in step records, rows and figures."""
    metrics: ClassVar[tuple[Metric, ...]]
    """All that `units` may yield."""

    @abstractmethod
    def rows(self, loaded: LoadedRun, effort: Effort) -> list[Row]:
        """Rows of the ledger (`ledger_row`): bound, interval, ceiling and, where it is known, truth, in nats."""

    @abstractmethod
    def units(self, loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
        """Tables of `lab.evaluate.units.units` for the metrics that the text allows.

        Draws depend on the seed of the run alone, so that arms of one seed read the same sentences.
        """
