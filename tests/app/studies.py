"""A study written through the store, without training, so that the page is tested in a second."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from lab.recipes import toy
from lab.store.study import ArmInfo, StudyFolder, StudyInfo, study_folder
from lab.study.metrics import all_metrics, metric
from lab.study.statistics import compared

ARMS = {"mmlm": "MMLM", "xlco": "XLCO", "mmlm-xlco": "MMLM + XLCO"}
SEEDS = (101, 102, 103)
LAYERS = [f"retrieval_layer_{layer}" for layer in range(3)]


def units() -> pd.DataFrame:
    """XLCO finds seven of ten translations, MMLM alone one of ten, and both together as many as XLCO."""
    parts = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        for arm in ARMS:
            for key in [*all_metrics(), *LAYERS]:
                share = metric(key).unit == "share"
                level = (0.7 if "xlco" in arm else 0.1) if share else (3.0 if "xlco" in arm else 2.0)
                count = 1 if key == "seconds" else 60
                bound = metric(key).bound
                parts.append(
                    pd.DataFrame({
                        "arm": arm, "seed": seed, "metric": key, "part": "", "unit": np.arange(count),
                        "total": rng.random(count) < level if share else rng.normal(level, 0.2, count),
                        "weight": 1.0, "ceiling": 5.0 if bound else math.nan, "truth": 13.9 if bound else math.nan,
                        "attainable": 4.5 if bound else math.nan,
                    }).astype({"total": float})
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def baselines(values: dict[str, float]) -> pd.DataFrame:
    """What needs no network finds these shares of the translations in the text of every arm and seed."""
    parts = [
        pd.DataFrame({
            "baseline": name, "label": f"{name} in full", "metric": "retrieval", "part": "", "unit": np.arange(60),
            "total": np.arange(60) < 60 * value, "weight": 1.0, "chance": 0.02, "arm": arm, "seed": seed,
        }).astype({"total": float})
        for name, value in values.items()
        for arm in ARMS
        for seed in SEEDS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def curves() -> pd.DataFrame:
    """Retrieval and a loss at three steps."""
    rows = [
        (arm, label, seed, step, key, metric(key).label, 0.01 * step + 0.001 * seed)
        for arm, label in ARMS.items()
        for seed in SEEDS
        for step in (0, 10, 20)
        for key in ("retrieval", "xlco_loss")
    ]
    return pd.DataFrame(rows, columns=["arm", "label", "seed", "step", "metric", "title", "value"])


def write_study(
    name: str, missing: tuple[str, ...] = (), scale: str = "toy", without_network: pd.DataFrame | None = None
) -> StudyFolder:
    """A study of three arms and three seeds that pretends to have been carried out."""
    info = StudyInfo(
        name=name,
        study="tasks",
        question="What does each pretext task add?",
        scale=scale,
        corpus="world",
        seeds=SEEDS,
        reference="mmlm",
        metrics=("retrieval", "mmlm", "xlco"),
        arms=tuple(ArmInfo(name=arm, label=label, changes={}) for arm, label in ARMS.items()),
        base=toy(),
        protocol={"candidates": 64},
        created=datetime(2026, 1, 2, tzinfo=UTC),
        device="cpu",
        commit="0123456789abcdef",
        versions={"torch": "2.13.0"},
        missing=missing,
    )
    folder, measured = study_folder(name), units()
    folder.write(info, measured, curves(), compared(measured, "mmlm", ARMS), without_network)
    return folder
