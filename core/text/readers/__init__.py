"""Readers of other people's files, one module per format, and the judge of what they read.

`read_files` yields a `Unit` per line, row, object or entry of the input and judges nothing. `sentences` judges: it
drops what no sentence table may hold, leaves out duplicates, and reports where each dropped unit stood and why.
"""

from core.text.readers.files import read_files
from core.text.readers.judge import MAX_CHARACTERS, Counts, Rejected, sentences
from core.text.readers.unit import Notes, ReadOptions, Unit

__all__ = ["MAX_CHARACTERS", "Counts", "Notes", "ReadOptions", "Rejected", "Unit", "read_files", "sentences"]
