"""Lesson 02: what the entropy of a masked token is made of, and a formula that takes it for log |V|."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.figures.ledger import tightest
from lab.figures.tasks import MMLM_OWN
from lab.lessons.exercises import Numbers
from lab.lessons.reading import Readers


def own_row(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The ledger's row of MMLM on its own sentences; that on TLM's sentences where both are the same."""
    rows_by_task = tightest(rows)
    return rows_by_task.get(MMLM_OWN, rows_by_task["mmlm"])


def parts(row: Mapping[str, Any]) -> pd.DataFrame:
    """H(token) of a row of the ledger in four parts, in nats per masked token and as shares; they add up.

    A context tells its language, so I(context; token) = I(language; token) + I(context; token given the language).
    """
    language = row["language_nats"]
    nats = {
        "the language": language,
        "the context beyond its language, shown by the run": row["nats"] - language,
        "the context beyond its language, not shown": row["truth"] - row["nats"],
        "left open by the context": row["ceiling"] - row["truth"],
    }
    table = pd.DataFrame({"nats": nats})
    return table.assign(share=table["nats"] / row["ceiling"])


def vocabulary_for_entropy(row: Mapping[str, Any], readers: Readers) -> Numbers:
    """Exercise: by how many nats does log |V| less a perfect model's loss exceed the information?"""
    log_size = math.log(readers.loaded.tokenizer.size)
    excess = log_size - row["ceiling"]
    values = {"log_size": log_size, "formula": excess + row["nats"], "perfect": excess + row["truth"],
              "no_loss": log_size - row["truth"]}  # fmt: skip
    return Numbers("mmlm.vocabulary", excess, {**row, **values})
