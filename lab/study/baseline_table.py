"""The table of what needs no network, beside that of a study's arms, and its words."""

from typing import Final

import pandas as pd

from lab.study.metrics import ordered
from lab.study.statistics import compared

COLUMNS: Final = (
    "baseline", "label", "metric", "title", "unit", "arm", "value", "low", "high", "seeds", "n", "chance",
)  # fmt: skip


def baseline_table(units: pd.DataFrame) -> pd.DataFrame:
    """One row per baseline, metric and arm: the mean over seeds with its 95 % interval, as `compared` has it of arms.

    Arms that read one text have equal rows.

    Args:
        units: as `StudyFolder.baselines` gives them.
    """
    tables = []
    for baseline, rows in units.groupby("baseline", sort=False):
        arms = list(dict.fromkeys(rows["arm"]))
        table = compared(rows, arms[0], {arm: arm for arm in arms})
        tables.append(table.assign(baseline=baseline, label=rows["label"].iloc[0])[list(COLUMNS)])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def baselines_in_words(baselines: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """A sentence for each metric: what every baseline reaches, and how many arms lie above the best of them.

    Args:
        baselines: as `baseline_table` gives it.
        table: of the arms, as `lab.study.study` returns it.
    """
    sentences = []
    for metric in ordered(set(baselines["metric"])):
        rows = baselines[baselines["metric"] == metric]
        parts = [f"{label} {_reached(part)}" for label, part in rows.groupby("label", sort=False)]
        sentences.append(
            f"Without a network, on the same held-out sentences, {rows['title'].iloc[0]}: {', '.join(parts)}; guessing "
            f"{rows['chance'].mean():.2g}. {_above(rows, table[table['metric'] == metric])}."
        )
    return sentences


def _reached(rows: pd.DataFrame) -> str:
    """The value with its interval; of arms that read unlike texts the lowest and the highest."""
    ends = [rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]]
    words = [f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" for row in ends]
    return " to ".join(dict.fromkeys(words))


def _above(baselines: pd.DataFrame, arms: pd.DataFrame) -> str:
    """Number of arms with intervals above that of the best baseline of their text."""
    best = baselines.groupby("arm")["high"].max().reindex(arms["arm"]).to_numpy()
    above = int((arms["low"].to_numpy() > best).sum())
    count = {0: "No arm is", 1: "One arm is"}.get(above, f"{above} of {len(arms)} arms are")
    return f"{count} above the best of these by its whole interval"
