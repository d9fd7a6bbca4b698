"""The three pretext tasks as they are drawn and called everywhere."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class TaskStyle:
    """A pretext task: its key in the step records, its name, a colour, a dash, and what its ceiling is."""

    key: str
    name: str
    colour: str
    dash: str
    bounded: str
    ceiling: str


TASKS: Final = (
    TaskStyle("mmlm", "MMLM", "#8a63c7", "dot", "I(context; masked token)", "H(token)"),
    TaskStyle("tlm", "TLM", "#b98300", "dash", "I(context, translation; masked token)", "H(token)"),
    TaskStyle("xlco", "XLCO", "#0f8f8f", "solid", "I(sentence; translation)", "log(candidates)"),
)
ADDED: Final = "tlm - mmlm"
"""Row of the ledger for what the translation adds: TLM less MMLM on the same tokens."""
OWN: Final = "mmlm of its own sentences"
"""Row of the ledger for MMLM of sentences as it draws them in training; pairs may see some languages more often."""
