"""The three pretext tasks as they are drawn and called everywhere, and the units of their bounds."""

from dataclasses import dataclass
from typing import Final

PER_TOKEN: Final = "nats per masked token"
PER_PAIR: Final = "nats per sentence pair"
PER_SENTENCE: Final = "nats per sentence"


@dataclass(frozen=True)
class TaskStyle:
    """A pretext task: its key in the step records, its name, a colour, a dash, what its ceiling is, and its unit."""

    key: str
    name: str
    colour: str
    dash: str
    bounded: str
    ceiling: str
    unit: str


TASKS: Final = (
    TaskStyle("mmlm", "MMLM", "#8a63c7", "dot", "I(context; masked token)", "H(token)", PER_TOKEN),
    TaskStyle(
        "tlm", "TLM", "#b98300", "dash", "I(context, translation; masked token)", "H(token)", PER_TOKEN
    ),
    TaskStyle("xlco", "XLCO", "#0f8f8f", "solid", "I(sentence; translation)", "log(candidates)", PER_PAIR),
)
ADDED: Final = "tlm - mmlm"
"""Row of the ledger for I(translation; token | context), estimated by TLM less MMLM on the same tokens."""
MMLM_OWN: Final = "mmlm of its own sentences"
"""Row of the ledger for MMLM of sentences as it draws them in training; pairs may see some languages more often."""
