"""Lesson 03: what the translation adds."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.evaluate.ledger.limits import NORMAL
from lab.evaluate.ledger.readings import READINGS, cost_of_a_wrong_translation
from lab.figures.ledger import tightest
from lab.lessons.exercises import Numbers

Rows = Iterable[Mapping[str, Any]]


def compared(ledgers: Mapping[str, Rows]) -> pd.DataFrame:
    """MMLM, TLM and their difference in the ledgers of several runs, in nats per masked token, with their kind."""
    rows = []
    for name, ledger in ledgers.items():
        rows_by_task = tightest(ledger)
        for task in ("mmlm", "tlm", "tlm - mmlm"):
            row = rows_by_task[task]
            rows.append(
                {
                    "run": name,
                    **{key: row[key] for key in ("task", "kind", "nats", "low", "high", "truth", "share")},
                }
            )
    return pd.DataFrame(rows)


def added(ledger: Rows) -> Mapping[str, Any]:
    """The row of what the translation adds."""
    return tightest(ledger)["tlm - mmlm"]


def _verdict(cost: float, error: float) -> str:
    """Verdict on a model by the cost of a wrong translation, at 95 %."""
    if cost > NORMAL * error:
        return "the model reads the translation"
    return "not told apart from a model that never looks at the translation"


def conclusion(ledgers: Mapping[str, Rows], table: pd.DataFrame) -> list[str]:
    """Conclusion of the lesson, in sentences with numbers."""
    sentences = []
    for name, ledger in ledgers.items():
        row, whole = added(ledger), tightest(ledger)["tlm"]
        cost, error = cost_of_a_wrong_translation(table, name)
        sentences.append(
            f"**{name}**. TLM: {whole['words']}. The estimate of I(c2; x | c1), a difference of bounds, is "
            f"**{row['nats']:.2f}** [{row['low']:.2f}, {row['high']:.2f}] of {row['truth']:.2f} nats. A wrong "
            f"translation costs {cost:+.2f} ± {NORMAL * error:.2f} nats per masked token against the right one: "
            f"{_verdict(cost, error)}."
        )
    return sentences


def added_in_truth(ledger: Rows) -> Numbers:
    """Exercise: what does the translation add in truth, by the chain rule?"""
    row, whole = added(ledger), tightest(ledger)["tlm"]
    return Numbers("tlm.added", row["truth"], {"reached": row["nats"], "whole": whole["truth"]})


def share_reached(ledger: Rows) -> Numbers:
    """Exercise: which share of what the translation adds did a run reach?"""
    row, whole = added(ledger), tightest(ledger)["tlm"]
    values = {"reached": row["nats"], "truth": row["truth"], "whole": whole["share"]}
    return Numbers("tlm.share", row["nats"] / row["truth"], values)


def cost_beside_wrong(table: pd.DataFrame, run: str) -> Numbers:
    """Exercise: what does a wrong translation cost a run, against the right one, in nats per masked token?"""
    nats = table[table["run"] == run].set_index("reading")["nats"]
    alone, beside_right, beside_wrong = (float(nats[reading]) for reading in READINGS)
    cost, error = cost_of_a_wrong_translation(table, run)
    values = {"half": NORMAL * error, "verdict": _verdict(cost, error), "against_none": beside_wrong - alone,
              "saved": alone - beside_right}  # fmt: skip
    return Numbers("tlm.wrong_translation", cost, values)
