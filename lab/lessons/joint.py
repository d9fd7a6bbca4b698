"""Lesson 06: claims of the paper tested in a study, and what a classifier trained on English does elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from lab import store
from lab.evaluate.classification import classify_run
from lab.lessons.telling import following, say
from lab.lessons.verdicts import Verdict, judged, not_yet, right, wrong
from lab.store.study import StudyFolder, list_studies
from lab.study import against
from lab.study.significance import holm

LEVEL: Final = 0.05
JOINT: Final = "mmlm-tlm-xlco"
NOTHING: Final = "0"


@dataclass(frozen=True)
class Claim:
    """A claim: in one metric an arm beats another, or `NOTHING`, or no arm beats it (`reference` None)."""

    told: str
    metric: str
    arm: str
    reference: str | None


CLAIMS: Final = (
    Claim("TLM adds to MMLM: the translation tells of a masked token", "tlm_minus_mmlm", "mmlm-tlm", NOTHING),
    Claim("XLCO helps TLM to use the translation", "tlm_minus_mmlm", JOINT, "mmlm-tlm"),
    Claim("XLCO raises retrieval", "retrieval", "mmlm-xlco", "mmlm"),
    Claim("XLCO raises retrieval more than TLM does", "retrieval", "mmlm-xlco", "mmlm-tlm"),
    Claim("XLCO raises retrieval on top of both", "retrieval", JOINT, "mmlm-tlm"),
    Claim("the joint model retrieves best, or is tied", "retrieval", JOINT, None),
    Claim("the joint model predicts with a translation best, or is tied", "tlm", JOINT, None),
    Claim("the joint model predicts without one best, or is tied", "mmlm", JOINT, None),
    Claim("TLM beside MMLM raises MMLM's own bound", "mmlm", "mmlm-tlm", "mmlm"),
)


def stored_study(name: str, fresh: StudyFolder) -> StudyFolder:
    """A study that came with the lab, or the fresh one where this copy has none; says which."""
    for study in list_studies():
        if study.name == name and study.stored:
            info = study.info
            say(
                f"**Stored** study `{name}`: scale {info.scale}, {len(info.seeds)} seeds, "
                f"made on {info.created:%d %B %Y}, {info.base.steps:,} steps, "
                f"{len(info.base.world.languages)} languages."
            )
            return study
    say(f"No stored study `{name}` came with this copy: what follows is the **fresh** one, `{fresh.name}`.")
    return fresh


def claims(study: StudyFolder) -> pd.DataFrame:
    """The paper's claims in the numbers of a study: difference [low, high], p corrected after Holm, and the verdict.

    A claim with an arm that the study does not have is left out; one against `NOTHING` goes by the value's interval.
    Where no arm may beat the joint model, the row is that of the arm that comes closest to it or beats it most.
    """
    arms = {NOTHING, *(arm.name for arm in study.info.arms)}
    tested = [claim for claim in CLAIMS if {claim.arm, claim.reference or claim.arm} <= arms]
    return pd.DataFrame([_tested(study, claim) for claim in tested])


def _tested(study: StudyFolder, claim: Claim) -> dict[str, Any]:
    if claim.reference is None:
        return _unbeaten(study, claim)
    return _above_zero(study, claim) if claim.reference == NOTHING else _beats(study, claim)


def _above_zero(study: StudyFolder, claim: Claim) -> dict[str, Any]:
    """By the interval of the value itself: a study tests arms against other arms only."""
    table = study.table()
    row = table[(table["metric"] == claim.metric) & (table["arm"] == claim.arm)].iloc[0]
    verdict = "reproduced" if row["low"] > 0 else "not reproduced" if row["high"] < 0 else "undecided"
    value = {"difference": row["value"], "difference_low": row["low"], "difference_high": row["high"]}
    return _told(
        claim, NOTHING, pd.Series({**row.to_dict(), **value, "p_holm": np.nan, "p_words": ""}), 1, verdict
    )


def _beats(study: StudyFolder, claim: Claim) -> dict[str, Any]:
    assert claim.reference is not None
    table = against(study, claim.reference)
    row = table[(table["metric"] == claim.metric) & (table["arm"] == claim.arm)].iloc[0]
    better = "reproduced" if row["difference"] > 0 else "not reproduced"
    verdict = better if row["p_holm"] < LEVEL else "undecided"
    return _told(claim, claim.reference, row, 1, verdict)


def _unbeaten(study: StudyFolder, claim: Claim) -> dict[str, Any]:
    table = against(study, claim.arm)
    rivals = table[(table["metric"] == claim.metric) & (table["arm"] != claim.arm)]
    better = rivals[(rivals["difference"] > 0) & (rivals["p_holm"] < LEVEL)]
    best = rivals.loc[(rivals if better.empty else better)["difference"].idxmax()]
    unbeaten = "reproduced" if best["p_holm"] < LEVEL else "tied"
    return _told(claim, str(best["arm"]), best, -1, unbeaten if better.empty else "not reproduced")


def _told(claim: Claim, other: str, row: pd.Series, sign: int, verdict: str) -> dict[str, Any]:
    ends = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    return {
        "claim": claim.told,
        "arm": claim.arm,
        "against": other,
        "unit": row["unit"],
        "difference": sign * row["difference"],
        "low": ends[0],
        "high": ends[1],
        "p_holm": row["p_holm"],
        "p (Holm)": row["p_words"] or "—",
        "verdict": verdict,
    }


def verdicts_in_words(table: pd.DataFrame, name: str) -> list[str]:
    """How many claims have which verdict, and each that is not reproduced with the arm that contradicts it."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items())
    failed = table[table["verdict"] == "not reproduced"].to_dict("records")
    return [
        f"Of {len(table)} claims, in study `{name}`: {counts}.",
        *(
            f"**Not reproduced:** {row['claim']}. `{row['arm']}` less `{row['against']}` is "
            f"{_difference(row['difference'], row['low'], row['high'], row['unit'])}."
            for row in failed
        ),
    ]


def _difference(value: float, low: float, high: float, unit: str) -> str:
    """A difference with its interval; of shares in points."""
    if unit == "share":
        return f"{100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] points"
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}] {unit}"


def added_in_words(study: StudyFolder) -> list[str]:
    """What the translation adds in the models of a study with MMLM and TLM, without XLCO and with it."""
    used = study.table().query("metric == 'tlm_minus_mmlm'").set_index("arm")
    without, joint = (
        _difference(row["value"], row["low"], row["high"], "nats")
        for row in (used.loc["mmlm-tlm"], used.loc[JOINT])
    )
    return [
        f"What the translation adds for the model: {without} when trained on MMLM + TLM, {joint} with XLCO beside "
        f"them. In truth there are {used.loc[JOINT, 'truth']:.2f} nats to be had."
    ]


def transfer_in_words(table: pd.DataFrame) -> list[str]:
    """Per arm, mean over seeds: accuracy in the source and elsewhere, and the gap in points."""
    means = table.groupby("arm", sort=False)[["own", "others", "gap", "chance"]].mean()
    return [
        f"{arm}: English {row['own']:.1%}, others {row['others']:.1%}, gap {100 * row['gap']:+.1f} points (guessing "
        f"the most frequent relation: {row['chance']:.1%})."
        for arm, row in means.iterrows()
    ]


def transfer(study: StudyFolder, source: str = "en") -> pd.DataFrame:
    """Zero-shot transfer of every run of a study: a probe trained on `source` alone.

    Columns arm, seed, own [own_low, own_high] (accuracy in the source), others, gap [gap_low, gap_high], chance (of
    the most frequent label); 95 % intervals, of the gap over held-out meanings, own and others together.
    """
    cells = [(arm, seed) for arm in study.info.arms for seed in study.info.seeds]
    rows = []
    with following("transfer") as tell:
        for done, (arm, seed) in enumerate(cells):
            tell(f"{arm.label}, seed {seed}", done, len(cells))
            document = classify_run(store.open_run(f"{study.name}/{arm.name}-{seed}"), source)
            own = next(row for row in document["rows"] if row["language"] == source)
            mean = document["mean"]
            rows.append(
                {"arm": arm.label, "seed": seed, "own": own["accuracy"], "own_low": own["low"], "own_high": own["high"],
                 "others": mean["accuracy"], "gap": mean["gap"], "gap_low": mean["gap_low"],
                 "gap_high": mean["gap_high"], "chance": document["majority"]}
            )  # fmt: skip
    return pd.DataFrame(rows)


def check_holm(answer: Any, p_values: Sequence[float]) -> Verdict:
    """P-values corrected for their number by Holm's method, in their own order."""
    expected = holm(np.asarray(p_values, dtype=float))
    if answer is None or answer is ...:
        return not_yet(f"give {len(expected)} numbers, the corrected p-values in the same order")
    try:
        given = np.asarray(list(answer), dtype=float)
    except (TypeError, ValueError):
        return wrong(f"expected {len(expected)} numbers, got {answer!r}")
    if given.shape != expected.shape:
        return wrong(f"expected {len(expected)} numbers, got {given.size}")
    if np.allclose(given, expected, atol=1e-6):
        return right(
            f"{int((expected < LEVEL).sum())} of {len(expected)} are below {LEVEL:g} after correction"
        )
    if np.allclose(given, np.minimum(len(expected) * np.asarray(p_values), 1.0), atol=1e-6):
        return wrong(
            "that is Bonferroni, every p times their number: Holm multiplies the second smallest by one less"
        )
    if np.allclose(np.sort(given), np.sort(expected), atol=1e-6):
        return wrong("the numbers are right, the order is not: give them in the order of the question")
    if np.allclose(given, p_values, atol=1e-6):
        return wrong("these are not corrected yet: multiply the smallest by their number, and go on")
    return wrong(_holm_hint(given, expected))


def _holm_hint(given: np.ndarray, expected: np.ndarray) -> str:
    at = int(np.flatnonzero(~np.isclose(given, expected, atol=1e-6))[0])
    return (
        f"number {at + 1} is off: sort, multiply the smallest by their number, the next by one less and so on, "
        "never let a later one be smaller than an earlier one, and never exceed 1"
    )


def check_gap(answer: Any, table: pd.DataFrame, arm: str) -> Verdict:
    """The zero-shot gap of an arm, in points of accuracy, mean over its seeds."""
    rows = table[table["arm"] == arm]
    gap = 100 * float(rows["gap"].mean())
    return judged(
        answer, gap, 0.06,
        f"English {100 * rows['own'].mean():.1f} less {100 * rows['others'].mean():.1f} elsewhere",
        "accuracy in English less the mean over the other languages, in points",
        {"the other way round: a gap is positive where English does better": -gap,
         "that is a share: points are hundredths": gap / 100},
    )  # fmt: skip


def check_verdict(answer: Any, table: pd.DataFrame, claim: int) -> Verdict:
    """The verdict on a row of `claims`, in the words of that table, worked out from its interval and p-value."""
    row = table.iloc[claim]
    if answer is None or answer is ...:
        return not_yet("say one of 'reproduced', 'tied', 'undecided', 'not reproduced'")
    if str(answer).strip().lower() == row["verdict"]:
        return right(f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], p {row['p (Holm)']}")
    below = "below" if row["p_holm"] < LEVEL else "not below"
    return wrong(
        f"p {row['p (Holm)']} is {below} {LEVEL:g} and the difference is "
        f"{'positive' if row['difference'] > 0 else 'not positive'}: what follows?"
    )
