"""The ledger: what a run's tasks show of the information in its text, beside ceiling and truth, in nats.

MMLM and TLM are read on held-out sentences, XLCO on translations of meanings that the run has never seen. Any
critic gives a valid lower bound on text that did not train it; how it was trained only decides how tight it is.
"""

from typing import Final

from lab.evaluate.ledger.dwa import DWALedger
from lab.evaluate.ledger.mmlm import MMLMLedger
from lab.evaluate.ledger.task import LedgerTask
from lab.evaluate.ledger.tlm import TLMLedger
from lab.evaluate.ledger.weam import WEAMLedger
from lab.evaluate.ledger.xlco import XLCOLedger

LEDGER: Final[dict[str, LedgerTask]] = {
    task.key: task for task in (MMLMLedger(), TLMLedger(), XLCOLedger(), WEAMLedger(), DWALedger())
}
"""Tasks of the ledger by key, in the order of the rows; new tasks come last."""

__all__ = ["LEDGER", "LedgerTask"]
