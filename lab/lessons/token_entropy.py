"""Lesson 02: what the entropy of a masked token is made of, and a formula that takes it for log |V|."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.figures.ledger import tightest
from lab.figures.tasks import MMLM_OWN
from lab.lessons.reading import Readers
from lab.lessons.verdicts import Verdict, judged


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


def check_gap(answer: Any, row: Mapping[str, Any], readers: Readers) -> Verdict:
    """By how many nats log |V| less a perfect model's loss exceeds the information."""
    most = math.log(readers.loaded.tokenizer.size)
    gap, loss = most - row["ceiling"], row["ceiling"] - row["nats"]
    return judged(
        answer, gap, 0.01,
        f"log |V| - H(x) = {most:.2f} - {row['ceiling']:.2f} = {gap:.2f} nats. From this run's loss the formula makes "
        f"{most - loss:.2f} nats, where {row['truth']:.2f} are: it is no bound",
        "a perfect model's loss is H(x | c); take I(c; x) = H(x) - H(x | c) from log |V| - H(x | c)",
        {"that is log |V| itself": most,
         "that is what a perfect model shows; by how much does that exceed I(c; x)?":
             most - row["ceiling"] + row["truth"],
         "that is the distance to the truth from log |V|; a perfect model's loss is not 0": most - row["truth"],
         "the sign is the wrong way round": -gap},
    )  # fmt: skip
