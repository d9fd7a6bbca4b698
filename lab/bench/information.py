"""Accuracy and time of `auto` beside other packages, on the same samples of known information."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.information import estimate

Row = dict[str, Any]
Progress = Callable[[int, int], None]
SCRIPT = Path(__file__).with_name("peers.py")
SECONDS = 900
"""The most a peer may take for one set of samples; all of its methods together."""


def compare(
    folder: Path,
    peers: Path | None = None,
    seeds: int | None = None,
    methods: tuple[str, ...] = ("auto",),
    only: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> list[Row]:
    """Rows of `lab bench --information`: per task absolute error (nats, mean over seeds) and time (seconds).

    `folder` holds one .npz per task: `truth_nats` and x0, y0, x1, y1, ... `peers` is the Python of an
    environment where benchmark-mi, torch-mist, npeet, neuralmi or mutinfo is installed (several may need an
    older numpy); the current one is tried if None, and `only` names the peers to run (default all). ratio =
    theirs / ours, above 1 where ours is better; None without a peer.
    Raises InputError if the folder holds no such file.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(
            f"a folder of .npz files with truth_nats, x0, y0, ... expected, found none in {folder}"
        )
    rows: list[Row] = []
    for done, file in enumerate(files):
        samples = np.load(file)
        count = len([key for key in samples.files if key.startswith("x")])
        used = count if seeds is None else min(seeds, count)
        ours = {method: _ours(samples, used, method) for method in methods}
        theirs = _theirs(file, peers or Path(sys.executable), used, only)
        rows += _rows(file.stem, samples["x0"].shape, samples["y0"].shape, ours, theirs)
        if progress:
            progress(done + 1, len(files))
    return rows


Measured = dict[str, float]


def _ours(samples: Any, used: int, method: str) -> Measured:
    truth = float(samples["truth_nats"])
    made = [estimate(samples[f"x{i}"], samples[f"y{i}"], method=method) for i in range(used)]
    errors = [abs(one.nats - truth) for one in made]
    return _measured(errors, [one.seconds for one in made])


def _measured(errors: list[float], seconds: list[float]) -> Measured:
    return {"error": float(np.mean(errors)), "worst": max(errors), "seconds": float(np.median(seconds))}


def _theirs(file: Path, python: Path, used: int, only: tuple[str, ...]) -> dict[str, Measured]:
    """What every peer importable there makes of the samples; nothing where none is."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [str(python), str(SCRIPT), str(file.resolve()), str(answer), str(used), *only]
        with suppress(subprocess.TimeoutExpired, subprocess.CalledProcessError):
            subprocess.run(command, timeout=SECONDS, check=True, capture_output=True, cwd=folder)
        found = json.loads(answer.read_text()) if answer.exists() else {}
    return {name: _measured(part["errors"], part["seconds"]) for name, part in found.items()}


def _rows(
    name: str, x: tuple[int, ...], y: tuple[int, ...], ours: dict[str, Measured], theirs: dict[str, Measured]
) -> list[Row]:
    rows: list[Row] = []
    for method, own in ours.items():
        shape = f"{x[0]} x ({x[1]} + {y[1]})"
        for peer, other in (theirs or {"": None}).items():
            for key, unit in (("error", "nats"), ("seconds", "s")):
                value = other[key] if other else None
                ratio = value / max(own[key], 1e-12) if value is not None else None
                row = {"name": f"{name} {key} ({method})", "shape": shape, "peer": peer or None}
                rows.append(row | {"ours": own[key], "theirs": value, "ratio": ratio, "unit": unit})
    return rows


def table(rows: list[Row]) -> list[Row]:
    """Mean and worst error and median seconds over the tasks, ours and each peer's: the last lines of a
    report.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        key = "error" if row["unit"] == "nats" else "seconds"
        found.setdefault(("ours", key), []).append(row["ours"])
        if row["peer"]:
            found.setdefault((row["peer"], key), []).append(row["theirs"])
    names = dict.fromkeys(name for name, _ in found)
    return [
        {
            "peer": name,
            "mean_error": float(np.mean(found[name, "error"])),
            "worst_error": float(np.max(found[name, "error"])),
            "median_seconds": float(np.median(found[name, "seconds"])),
        }
        for name in names
    ]
