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
SECONDS = 3600
"""The most the peers may take for one file of samples, all of their methods together."""


def compare(
    folder: Path,
    peers: Path | None = None,
    seeds: int | None = None,
    methods: tuple[str, ...] = ("auto",),
    only: tuple[str, ...] = (),
    kept: Path | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Rows of `lab bench --information`: per task absolute error (nats, mean over seeds) and time (seconds).

    `folder` holds one .npz per task: `truth_nats` and x0, y0, x1, y1, ... `peers` is the Python of an
    environment where benchmark-mi, torch-mist, npeet-plus or scikit-learn is installed (some need an older
    numpy); the current one is tried if None, and `only` names the peers to run (default all). ratio =
    theirs / ours, above 1 where ours is better; None without a peer. With `kept`, what is measured on a task is
    appended to that file of JSON lines, and tasks found there are not measured again.
    Raises InputError if the folder holds no such file.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(
            f"a folder of .npz files with truth_nats, x0, y0, ... expected, found none in {folder}"
        )
    lines = kept.read_text().splitlines() if kept and kept.exists() else []
    found = {line["name"]: line for line in map(json.loads, lines)}
    rows: list[Row] = []
    for done, file in enumerate(files):
        if file.stem not in found:
            found[file.stem] = _on(file, peers or Path(sys.executable), seeds, methods, only)
            if kept:
                with kept.open("a") as sink:
                    sink.write(json.dumps(found[file.stem]) + "\n")
        rows += _rows(**found[file.stem])
        if progress:
            progress(done + 1, len(files))
    return rows


def _on(
    file: Path, python: Path, seeds: int | None, methods: tuple[str, ...], only: tuple[str, ...]
) -> dict[str, Any]:
    samples = np.load(file)
    count = len([key for key in samples.files if key.startswith("x")])
    used = count if seeds is None else min(seeds, count)
    x, y = samples["x0"].shape, samples["y0"].shape
    return {
        "name": file.stem,
        "shape": f"{x[0]} x ({x[1]} + {y[1]})",
        "ours": {method: _ours(samples, used, method) for method in methods},
        "theirs": _theirs(file, python, used, only),
    }


Measured = dict[str, Any]


def _ours(samples: Any, used: int, method: str) -> Measured:
    truth = float(samples["truth_nats"])
    made = [estimate(samples[f"x{i}"], samples[f"y{i}"], method=method) for i in range(used)]
    return _measured([abs(one.nats - truth) for one in made], [one.seconds for one in made])


def _measured(errors: list[float], seconds: list[float]) -> Measured:
    return {"error": float(np.mean(errors)), "worst": max(errors), "seconds": float(np.median(seconds))}


def _theirs(file: Path, python: Path, used: int, only: tuple[str, ...]) -> dict[str, Measured]:
    """What every peer importable there makes of the samples, or why it makes nothing of them."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [str(python), str(SCRIPT), str(file.resolve()), str(answer), str(used), *only]
        # peers write their answers one by one: what was done before the time was up counts
        with suppress(subprocess.TimeoutExpired):
            ended = subprocess.run(command, timeout=SECONDS, capture_output=True, text=True, cwd=folder)
            if ended.returncode:
                told = (ended.stderr.splitlines() or ["nothing was said"])[-1]
                raise InputError(f"expected a Python with numpy for the peers, but {python} failed: {told}")
        found = json.loads(answer.read_text()) if answer.exists() else {}
    return {
        name: part if "failed" in part else _measured(part["errors"], part["seconds"])
        for name, part in found.items()
    }


def _rows(name: str, shape: str, ours: dict[str, Measured], theirs: dict[str, Measured]) -> list[Row]:
    rows: list[Row] = []
    for method, own in ours.items():
        for peer, other in (theirs or {"": {"failed": None}}).items():
            for key, unit in (("error", "nats"), ("seconds", "s")):
                value = other.get(key)
                row = {"name": f"{name} {key} ({method})", "shape": shape, "peer": peer or None}
                row |= {"ours": own[key], "theirs": value, "unit": unit, "note": other.get("failed")}
                row["ratio"] = None if value is None else value / max(own[key], 1e-12)
                row |= {"method": method, "worst": own["worst"], "their_worst": other.get("worst")}
                rows.append(row)
    return rows


def table(rows: list[Row]) -> list[Row]:
    """Over the tasks, ours and each peer's: mean of the errors and the largest of all (nats), median seconds.

    A peer is counted on the tasks it has an answer for; `tasks` says how many.
    """
    seen: dict[str, dict[tuple[str, str], Measured]] = {}
    for row in rows:
        for who, value, worst in (
            (f"ours ({row['method']})", row["ours"], row["worst"]),
            (row["peer"], row["theirs"], row["their_worst"]),
        ):
            if value is not None:
                # a peer stands once beside each of our methods
                task = row["name"].removesuffix(f" ({row['method']})")
                seen.setdefault(who, {})[task, row["unit"]] = {
                    "value": value,
                    "worst": worst,
                    "unit": row["unit"],
                }
    return [{"peer": who} | _over_tasks(list(found.values())) for who, found in seen.items()]


def _over_tasks(found: list[Measured]) -> Row:
    errors = [one for one in found if one["unit"] == "nats"]
    return {
        "tasks": len(errors),
        "mean_error": float(np.mean([one["value"] for one in errors])),
        "worst_error": float(max(one["worst"] for one in errors)),
        "median_seconds": float(np.median([one["value"] for one in found if one["unit"] == "s"])),
    }
