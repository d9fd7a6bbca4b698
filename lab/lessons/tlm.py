"""Lesson 03: what the translation adds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from lab.evaluate.ledger.limits import NORMAL
from lab.evaluate.ledger.masked_text import Example, language_distribution
from lab.figures.ledger import tightest
from lab.lessons.reading import Readers
from lab.lessons.scale import Lesson
from lab.lessons.verdicts import Verdict, judged, not_yet
from lab.world.truth import RATE, mask, ratio

READINGS: Final = ("nothing", "the right translation", "a wrong translation")
Rows = Iterable[Mapping[str, Any]]


def readings(here: Lesson, runs: Mapping[str, Readers], seed: int = 0) -> pd.DataFrame:
    """Cross-entropy of the masked tokens of a sentence by what is read beside it, for each run, in nats per token.

    Sentences of one pair of languages at a time, masked as the ledger does; the translation is shown whole. A wrong
    one tells another meaning. `exact` is the least possible, H(token | what is read); nothing is the least possible
    after a wrong translation, which this world never writes.

    Returns:
        Columns run, reading, nats, error (its standard error) and exact.
    """
    some = next(iter(runs.values()))
    pairs = language_distribution(some.loaded, "tlm")
    rng = np.random.default_rng([seed, 6])
    count = here.effort.sentences // 4
    meanings = _unseen(some, count, seed)
    chosen = rng.choice(len(pairs), count, p=np.array(list(pairs.values())))
    tags = [list(pairs)[at] for at in chosen]
    own = some.encode([some.text(m, pair[0]) for m, pair in zip(meanings, tags, strict=True)])
    right_ones = some.encode([some.text(m, pair[1]) for m, pair in zip(meanings, tags, strict=True)])
    wrong_ones = some.encode(
        [some.text(m, pair[1]) for m, pair in zip(np.roll(meanings, 1), tags, strict=True)]
    )
    shown = [mask([ids], some.loaded.tokenizer.mask_id, RATE, rng)[0] for ids in own]
    masked = [at for at in range(count) if (own[at] != shown[at]).any()]
    rows: list[dict[str, Any]] = []
    for reading, beside in zip(READINGS, (None, right_ones, wrong_ones), strict=True):
        examples = [
            Example(int(meanings[at]), tags[at], [own[at], *others], [shown[at], *others])
            for at in masked
            for others in [[beside[at]] if beside else []]
        ]
        exact = _exact(some, examples, reading)
        for name, readers in runs.items():
            losses = readers.losses(examples)
            nats, error = ratio(
                np.array([nats.sum() for nats in losses]), np.array([len(nats) for nats in losses])
            )
            rows.append({"run": name, "reading": reading, "nats": nats, "error": error, "exact": exact})
    return pd.DataFrame(rows)


def _unseen(readers: Readers, count: int, seed: int) -> np.ndarray:
    """Meanings that were neither trained on nor held out, no two alike."""
    drawn = readers.world.draw(2 * count + len(readers.loaded.meanings), seed + 11)
    return drawn[~np.isin(drawn, readers.loaded.meanings)][:count]


def _exact(readers: Readers, examples: Sequence[Example], reading: str) -> float | None:
    """H(token | what is read) in nats; None after a wrong translation."""
    if reading == READINGS[2]:
        return None
    shares = language_distribution(readers.loaded, "mmlm" if reading == READINGS[0] else "tlm")
    return float(np.concatenate([readers.uncertainty(example.shown, shares) for example in examples]).mean())


def compared(ledgers: Mapping[str, Rows]) -> pd.DataFrame:
    """MMLM, TLM and their difference in the ledgers of several runs, in nats per masked token, with their kind."""
    rows = []
    for name, ledger in ledgers.items():
        chosen = tightest(ledger)
        for task in ("mmlm", "tlm", "tlm - mmlm"):
            row = chosen[task]
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
    """What a cost says of a model, at 95 %."""
    if cost > NORMAL * error:
        return "the model reads the translation"
    return "not told apart from a model that never looks at the translation"


def conclusion(ledgers: Mapping[str, Rows], table: pd.DataFrame) -> list[str]:
    """What was found, in sentences with numbers."""
    told = []
    for name, ledger in ledgers.items():
        row, whole = added(ledger), tightest(ledger)["tlm"]
        cost, error = cost_of_a_wrong_translation(table, name)
        told.append(
            f"**{name}**. TLM: {whole['words']}. The estimate of I(c2; x | c1), a difference of bounds, is "
            f"**{row['nats']:.2f}** [{row['low']:.2f}, {row['high']:.2f}] of {row['truth']:.2f} nats. A wrong "
            f"translation costs {cost:+.2f} ± {NORMAL * error:.2f} nats per masked token against the right one: "
            f"{_verdict(cost, error)}."
        )
    return told


def check_added(answer: Any, ledger: Rows) -> Verdict:
    """What the translation adds in truth, by the chain rule."""
    row, chosen = added(ledger), tightest(ledger)
    return judged(
        answer, row["truth"], 0.02,
        f"I(x; c2 | c1) = I(c1, c2; x) - I(c1; x) = {row['truth']:.2f} nats",
        "the truth of TLM less that of MMLM, whose rows are about the same tokens",
        {"that is what this run reached": row["nats"],
         "that is the whole of TLM; the own sentence already tells most of it": chosen["tlm"]["truth"]},
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
    nothing, told, lie = (float(nats[reading]) for reading in READINGS)
    cost, error = cost_of_a_wrong_translation(table, run)
    return judged(
        answer, cost, 0.01, f"{cost:+.2f} ± {NORMAL * error:.2f} nats: {_verdict(cost, error)}",
        "subtract the loss beside the right translation from that beside a wrong one",
        {"the sign is the wrong way round: what is the cost?": told - lie,
         "that compares with no translation at all": lie - nothing,
         "that is what the right translation saves": nothing - told},
    )  # fmt: skip
