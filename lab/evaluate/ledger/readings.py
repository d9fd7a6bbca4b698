"""Cross-entropy of masked tokens beside nothing, the right and a wrong translation."""

import math
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from lab.evaluate.effort import Effort
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.ledger.masked_truth import masked_truths
from lab.evaluate.ledger.wrong_translation import wrong_translations
from lab.store import Run

READINGS: Final = ("nothing", "the right translation", "a wrong translation")


def compare_readings(runs: Mapping[str, Run], effort: Effort, seed: int = 0) -> pd.DataFrame:
    """Cross-entropy of masked tokens by what is read beside their sentence, for each run, in nats per token.

    The ledger's own measurements: MMLM and TLM read the same pairs with the same masks, and the wrong translation tells
    another meaning (`wrong_translations`). `exact` is the least possible, H(token | what is read); nothing is the least
    possible after a wrong translation, which this world never writes.

    Returns:
        Columns run, reading, nats, error (its standard error) and exact.
    """
    sentences, rows = effort.sentences // 4, list[dict[str, Any]]()
    for name, run in runs.items():
        loaded = load_run(run)
        truths = masked_truths(loaded, effort.truth_sentences)
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


def cost_of_a_wrong_translation(table: pd.DataFrame, run: str) -> tuple[float, float]:
    """The loss beside a wrong translation less that beside the right one, in nats per masked token, and its error.

    The error takes the two readings for independent. They read the same masks, so it is too large if anything.
    """
    rows = table[table["run"] == run].set_index("reading")
    wrong, right_one = rows.loc[READINGS[2]], rows.loc[READINGS[1]]
    return float(wrong["nats"] - right_one["nats"]), math.hypot(wrong["error"], right_one["error"])
