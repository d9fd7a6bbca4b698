"""How much held-out text a ledger and the cells of a study read. Pages read it too, so nothing here needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.config import Frozen

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
    """Amount of held-out text on which the cells of a study are measured, alike in all arms."""

    candidates: int
    """Number of candidates of XLCO, fewer where the text does not hold out so many."""
    sentences: int
    """Number of sentences drawn for each of MMLM and TLM."""
    truth_sentences: int
    """Number of sentences drawn for the truth of MMLM and of TLM."""
    directions: int
    """Pairs of languages that XLCO is measured on, each in both directions."""
