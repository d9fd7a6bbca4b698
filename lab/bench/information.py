"""Accuracy and time of `auto` beside other packages, on the same samples with known information."""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.information import estimate
from core.progress import Progress, no_progress
from lab.evaluate.row import Row

SCRIPT = Path(__file__).with_name("peers.py")
SECONDS = 3600
"""Time limit of the peers for a file of samples, all of their methods together."""


def compare(
    folder: Path,
    peers: Path | None = None,
    seeds: int | None = None,
    methods: tuple[str, ...] = ("auto",),
    only: tuple[str, ...] = (),
    out: Path | None = None,
    progress: Progress = no_progress,
) -> list[Row]:
    """Rows of `lab bench --information`: per task absolute error (nats, mean over seeds) and time (seconds).

    ratio = theirs / ours, above 1 where ours is better; None without a peer.

    Args:
        folder: holds one .npz per task, with `truth_nats` and x0, y0, x1, y1, ...
        peers: Python of an environment with benchmark-mi, torch-mist, npeet-plus or scikit-learn (some need an older
            numpy); default: this Python.
        seeds: samples of each task, at most; default: all.
        methods: methods of ours.
        only: names of the peers to run; default: all.
        out: file of JSON lines to which measurements are appended; tasks in the file are not measured again.
        progress: called with the number of tasks done and of all tasks.

    Raises:
        InputError: the folder holds no such file.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(
            f"a folder of .npz files with truth_nats, x0, y0, ... expected, found none in {folder}"
        )
    lines = out.read_text().splitlines() if out and out.exists() else []
    measured = {line["name"]: line for line in map(json.loads, lines)}
    rows: list[Row] = []
    for done, file in enumerate(files):
        if file.stem not in measured:
            measured[file.stem] = _on(file, peers or Path(sys.executable), seeds, methods, only)
            if out:
                with out.open("a") as sink:
                    sink.write(json.dumps(measured[file.stem]) + "\n")
        rows += _rows(**measured[file.stem])
        progress("tasks", done + 1, len(files))
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
    estimates = [estimate(samples[f"x{i}"], samples[f"y{i}"], method=method) for i in range(used)]
    return _measured(
        [abs(result.nats - truth) for result in estimates], [result.seconds for result in estimates]
    )


def _measured(errors: list[float], seconds: list[float]) -> Measured:
    return {"error": float(np.mean(errors)), "worst": max(errors), "seconds": float(np.median(seconds))}


def _theirs(file: Path, python: Path, used: int, only: tuple[str, ...]) -> dict[str, Measured]:
    """Measurements of every peer that this Python can import, or the reason of its failure."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [str(python), str(SCRIPT), str(file.resolve()), str(answer), str(used), *only]
        # peers write their answers one by one: answers before the time limit count
        with suppress(subprocess.TimeoutExpired):
            ended = subprocess.run(command, timeout=SECONDS, capture_output=True, text=True, cwd=folder)
            if ended.returncode:
                reason = (ended.stderr.splitlines() or ["nothing was said"])[-1]
                raise InputError(f"expected a Python with numpy for the peers, but {python} failed: {reason}")
        answers = json.loads(answer.read_text()) if answer.exists() else {}
    return {
        name: part if "failed" in part else _measured(part["errors"], part["seconds"])
        for name, part in answers.items()
    }


def _rows(name: str, shape: str, ours: dict[str, Measured], theirs: dict[str, Measured]) -> list[Row]:
    rows: list[Row] = []
    for method, result in ours.items():
        for peer, peer_result in (theirs or {"": {"failed": None}}).items():
            for key, unit in (("error", "nats"), ("seconds", "s")):
                value = peer_result.get(key)
                row = {"name": f"{name} {key} ({method})", "shape": shape, "peer": peer or None}
                row |= {"ours": result[key], "theirs": value, "unit": unit, "note": peer_result.get("failed")}
                row["ratio"] = None if value is None else value / max(result[key], 1e-12)
                row |= {"method": method, "worst": result["worst"], "their_worst": peer_result.get("worst")}
                rows.append(row)
    return rows


def over_tasks(rows: list[Row]) -> list[Row]:
    """Mean and largest error (nats) and median seconds over the tasks, for ours and for each peer.

    A peer is counted on the tasks that it has an answer for; `tasks` is their number.
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
    return [{"peer": who} | _over_tasks(list(results.values())) for who, results in seen.items()]


def _over_tasks(results: list[Measured]) -> Row:
    errors = [result for result in results if result["unit"] == "nats"]
    return {
        "tasks": len(errors),
        "mean_error": float(np.mean([result["value"] for result in errors])),
        "worst_error": float(max(result["worst"] for result in errors)),
        "median_seconds": float(np.median([result["value"] for result in results if result["unit"] == "s"])),
    }
