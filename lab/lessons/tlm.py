"""Lesson 03: what the translation adds."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from lab.evaluate.ledger.limits import NORMAL
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.ledger.masked_truth import masked_truths
from lab.evaluate.ledger.wrong_translation import wrong_translations
from lab.figures.ledger import tightest
from lab.lessons.reading import Readers
from lab.lessons.scale import Lesson
from lab.lessons.verdicts import Verdict, judged, not_yet

READINGS: Final = ("nothing", "the right translation", "a wrong translation")
Rows = Iterable[Mapping[str, Any]]


def readings(lesson: Lesson, runs: Mapping[str, Readers], seed: int = 0) -> pd.DataFrame:
    """Cross-entropy of masked tokens by what is read beside their sentence, for each run, in nats per token.

    The ledger's own measurements: MMLM and TLM read the same pairs with the same masks, and the wrong translation tells
    another meaning (`wrong_translations`). `exact` is the least possible, H(token | what is read); nothing is the least
    possible after a wrong translation, which this world never writes.

    Returns:
        Columns run, reading, nats, error (its standard error) and exact.
    """
    sentences, rows = lesson.effort.sentences // 4, list[dict[str, Any]]()
    for name, readers in runs.items():
        loaded = readers.loaded
        truths = masked_truths(loaded, lesson.effort.truth_sentences)
        mmlm, tlm = (masked_reading(loaded, task, sentences, seed) for task in ("mmlm", "tlm"))
        cost = wrong_translations(loaded, sentences, seed)
        assert cost is not None, "a world tells many meanings in every pair of languages"
        measured = (
            (mmlm.mean, mmlm.error, truths["mmlm"].cross_entropy_nats),
            (tlm.mean, tlm.error, truths["tlm"].cross_entropy_nats),
            (tlm.mean + cost.mean, math.hypot(tlm.error, cost.error), None),
        )
        rows += [
            {"run": name, "reading": reading, "nats": nats, "error": error, "exact": exact}
            for reading, (nats, error, exact) in zip(READINGS, measured, strict=True)
        ]
    return pd.DataFrame(rows)


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


def cost_of_a_wrong_translation(table: pd.DataFrame, run: str) -> tuple[float, float]:
    """The loss beside a wrong translation less that beside the right one, in nats per masked token, and its error.

    The error takes the two readings for independent. They read the same masks, so it is too large if anything.
    """
    rows = table[table["run"] == run].set_index("reading")
    wrong, right_one = rows.loc[READINGS[2]], rows.loc[READINGS[1]]
    return float(wrong["nats"] - right_one["nats"]), math.hypot(wrong["error"], right_one["error"])


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


def check_added(answer: Any, ledger: Rows) -> Verdict:
    """What the translation adds in truth, by the chain rule."""
    row, rows_by_task = added(ledger), tightest(ledger)
    return judged(
        answer, row["truth"], 0.02,
        f"I(x; c2 | c1) = I(c1, c2; x) - I(c1; x) = {row['truth']:.2f} nats",
        "the truth of TLM less that of MMLM, whose rows are about the same tokens",
        {"that is what this run reached": row["nats"],
         "that is the whole of TLM; the own sentence already tells most of it": rows_by_task["tlm"]["truth"]},
    )  # fmt: skip


def check_share(answer: Any, ledger: Rows) -> Verdict:
    """The share of what the translation adds that a run reached."""
    row = added(ledger)
    share = row["nats"] / row["truth"]
    return judged(
        answer, share, 0.02,
        f"{row['nats']:.2f} of {row['truth']:.2f} nats; the difference of two bounds is an estimate, not a bound",
        "divide what was reached by what is there",
        {"that is the share of all of TLM, most of which the own sentence tells": tightest(ledger)["tlm"]["share"],
         "the answer is a share between 0 and 1, not a percentage": 100 * share},
    )  # fmt: skip


def check_use(answer: Any, table: pd.DataFrame, run: str) -> Verdict:
    """What a wrong translation costs a run, against the right one, in nats per masked token."""
    if answer is None or answer is ...:
        return not_yet("give the difference of two numbers of the table, in nats per masked token")
    nats = table[table["run"] == run].set_index("reading")["nats"]
    alone, beside_right, beside_wrong = (float(nats[reading]) for reading in READINGS)
    cost, error = cost_of_a_wrong_translation(table, run)
    return judged(
        answer, cost, 0.01, f"{cost:+.2f} ± {NORMAL * error:.2f} nats: {_verdict(cost, error)}",
        "subtract the loss beside the right translation from that beside a wrong one",
        {"the sign is the wrong way round: what is the cost?": beside_right - beside_wrong,
         "that compares with no translation at all": beside_wrong - alone,
         "that is what the right translation saves": alone - beside_right},
    )  # fmt: skip
