"""Lesson 06: claims of the paper tested in a study, and what a classifier trained on English does elsewhere."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from lab.lessons.exercises import Choice, Numbers
from lab.lessons.output import say
from lab.store.study import StudyFolder, list_studies
from lab.study import STUDIES
from lab.study.contrasts import EQUIVALENT, HIGHER, LEVEL, LOWER, UNDECIDED, compare_contrasts, in_words
from lab.study.significance import holm

JOINT: Final = "mmlm-tlm-xlco"
VERDICTS: Final = (HIGHER, LOWER, EQUIVALENT, UNDECIDED)
CLAIMS: Final[dict[tuple[str, str, str], str]] = {
    ("retrieval", "mmlm-tlm", "mmlm"): "TLM raises retrieval",
    ("retrieval", "mmlm-xlco", "mmlm"): "XLCO raises retrieval",
    ("retrieval", JOINT, "mmlm-tlm"): "XLCO raises retrieval on top of both",
    ("retrieval", JOINT, "xlco"): "the joint model retrieves no worse than XLCO alone",
    ("mmlm", "mmlm-tlm", "mmlm"): "TLM beside MMLM raises MMLM's own bound",
    ("tlm", JOINT, "mmlm-tlm"): "XLCO raises TLM's bound",
    ("tlm", JOINT, "tlm-xlco"): "MMLM beside them raises TLM's bound",
    ("wrong_translation", JOINT, "mmlm-tlm"): "XLCO makes TLM read the translation: a wrong one costs more",
}
"""Claims that the paper makes or implies about the primary comparisons of the study `tasks`: metric, arm, reference."""


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
    """The primary comparisons of a study of tasks, as `compare_contrasts` describes them, each with its claim.

    They are those that the study named before it ran, of arms that it has; one from before studies named any is read
    by those of today's definition. All of them together are the family of Holm's correction.
    """
    contrasts = study.info.contrasts or STUDIES["tasks"].contrasts
    table = compare_contrasts(study.units(), contrasts, {arm.name: arm.label for arm in study.info.arms})
    keys = zip(table["metric"], table["arm"], table["reference"], strict=True)
    said = [CLAIMS.get(key, f"{key[1]} less {key[2]} in {key[0]}") for key in keys]
    return table.assign(claim=said)


def shown_claims(table: pd.DataFrame) -> pd.DataFrame:
    """`claims` to be read: claim, difference with its interval, corrected p, margin, what could be seen, verdict."""
    rows = [
        {
            "claim": row["claim"],
            "less": row["reference_label"],
            "difference": _difference(row["difference"], row["low"], row["high"], row["unit"]),
            "p (Holm)": row["p_words"] or "—",
            "margin": _size(row["margin"], row["unit"]),
            "could have shown": _size(row["detectable"], row["unit"]),
            "verdict": row["verdict"],
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def verdicts_in_words(table: pd.DataFrame, name: str) -> list[str]:
    """The number of comparisons by verdict, then each comparison as a sentence."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items())
    return [
        f"Study `{name}`, {len(table)} primary comparisons, one family: {counts}.",
        *(f"*{row['claim']}:* {in_words(row)}." for row in table.to_dict("records")),
    ]


def tokens_in_words(study: StudyFolder) -> list[str]:
    """Number of tokens that each arm of a study read, so that a difference can be held against the text behind it."""
    table = study.table().query("metric == 'tokens'")
    if table.empty:
        return [
            "This study did not record how many tokens its arms read: its arms may differ in text as well."
        ]
    amounts = ", ".join(f"{row['label']} {row['value'] / 1e6:.1f}" for row in table.to_dict("records"))
    return [f"Tokens read in training, in millions: {amounts}."]


def reading_in_words(study: StudyFolder) -> list[str]:
    """What a wrong translation costs each arm that was trained on TLM: whether it reads the translation at all."""
    table = study.table().query("metric == 'wrong_translation'")
    table = table[["tlm" in arm.split("-") for arm in table["arm"]]]
    if table.empty:
        return ["This study did not measure what a wrong translation costs."]
    costs = [
        f"{row['label']} {_difference(row['value'], row['low'], row['high'], 'nats')}"
        f"{'' if row['low'] > 0 else ' (not told apart from 0)'}"
        for row in table.to_dict("records")
    ]
    return [
        f"A wrong translation costs a masked token, after {study.info.base.steps:,} steps: {'; '.join(costs)}. An arm "
        "that never looks at the translation pays nothing."
    ]


def rise_in_words(study: StudyFolder) -> list[str]:
    """Change of TLM less MMLM with XLCO: how much of it TLM gains, and how much MMLM loses."""
    values = study.table().pivot(index="metric", columns="arm", values="value")
    change = values[JOINT] - values["mmlm-tlm"]
    return [
        f"With XLCO beside MMLM + TLM the difference TLM less MMLM changes by {change['tlm_minus_mmlm']:+.2f} nats per "
        f"masked token: TLM's bound by {change['tlm']:+.2f}, MMLM's by {change['mmlm']:+.2f}. Only the first can come "
        "from reading the translation."
    ]


def _size(value: float, unit: str) -> str:
    """A number without sign, in its unit; shares in points."""
    if math.isnan(value):
        return "—"
    return f"{100 * value:.1f} points" if unit == "share" else f"{value:.2f} {unit}"


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
        f"I(translation; token | context), estimated by TLM less MMLM: {without} when trained on MMLM + TLM, {joint} "
        f"with XLCO beside them. In truth it is {used.loc[JOINT, 'truth']:.2f} nats, which a difference of two bounds "
        "may exceed."
    ]


def transfer_in_words(table: pd.DataFrame) -> list[str]:
    """Accuracy in the source and elsewhere, and the gap in points, per arm: means over seeds."""
    means = table.groupby("arm", sort=False)[["own", "others", "gap", "chance"]].mean()
    return [
        f"{arm}: English {row['own']:.1%}, others {row['others']:.1%}, gap {100 * row['gap']:+.1f} points (guessing "
        f"the most frequent relation: {row['chance']:.1%})."
        for arm, row in means.iterrows()
    ]


def holm_correction(p_values: Sequence[float]) -> Numbers:
    """Exercise: correct these p-values for their number by Holm's method, in their own order."""
    raw = np.asarray(p_values, dtype=float)
    expected, count = holm(raw), len(raw)
    values = {"below": int((expected < LEVEL).sum()), "count": count, "level": LEVEL, "sorted": np.sort(expected),
              "bonferroni": np.minimum(count * raw, 1.0), "uncorrected": raw}  # fmt: skip
    return Numbers("joint.holm", expected, values)


def transfer_gap(table: pd.DataFrame, arm: str) -> Numbers:
    """Exercise: how large is the zero-shot gap of an arm, in points of accuracy, mean over its seeds?"""
    means = 100 * table.loc[table["arm"] == arm, ["gap", "own", "others"]].mean()
    return Numbers("joint.gap", float(means["gap"]), means.to_dict())


def verdict_of_numbers(table: pd.DataFrame, row: int) -> Choice:
    """Exercise: which verdict follows from difference, p-values and margin of a row of `claims`?"""
    claim = table.iloc[row]
    below = {True: "below", False: "not below"}
    values = {"words": in_words(claim.to_dict()), "level": LEVEL,
              "sign": "positive" if claim["difference"] > 0 else "not positive",
              "significance": below[bool(claim["p_holm"] < LEVEL)],
              "equivalence": below[bool(claim["p_equivalent"] < LEVEL)]}  # fmt: skip
    return Choice("joint.verdict", dict.fromkeys(VERDICTS, values), {claim["verdict"]})
