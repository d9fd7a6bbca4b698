"""How much the tests of the ledger read, and its rows by task."""

from lab.evaluate.effort import Effort

EFFORT = Effort(candidates=(4, 16, 64), pairs=2, sentences=120, truth_sentences=8)


def rows_of(document, task):
    return [row for row in document["rows"] if row["task"] == task]
