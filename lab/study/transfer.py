"""Zero-shot transfer of every run of a study."""

import pandas as pd

from core.progress import Progress, no_progress
from lab import store
from lab.evaluate.classification import classify_run
from lab.store.study import StudyFolder


def transfer(study: StudyFolder, source: str = "en", progress: Progress = no_progress) -> pd.DataFrame:
    """Zero-shot transfer of every run of a study: a probe trained on `source` alone.

    Columns arm, seed, own [own_low, own_high] (accuracy in the source), others, gap [gap_low, gap_high], chance (of
    the most frequent label); 95 % intervals, of the gap over held-out meanings, own and others together.
    """
    cells = [(arm, seed) for arm in study.info.arms for seed in study.info.seeds]
    rows = []
    for done, (arm, seed) in enumerate(cells):
        progress(f"{arm.label}, seed {seed}", done, len(cells))
        document = classify_run(store.open_run(f"{study.name}/{arm.name}-{seed}"), source)
        in_source = next(row for row in document["rows"] if row["language"] == source)
        mean = document["mean"]
        rows.append(
            {"arm": arm.label, "seed": seed, "own": in_source["accuracy"],
             "own_low": in_source["low"], "own_high": in_source["high"],
             "others": mean["accuracy"], "gap": mean["gap"], "gap_low": mean["gap_low"],
             "gap_high": mean["gap_high"], "chance": document["majority"]}
        )  # fmt: skip
    return pd.DataFrame(rows)
