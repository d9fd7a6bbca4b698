"""Ours beside other packages: the rows, and what happens where a peer is absent or refuses."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.information.truth import task
from lab import cli
from lab.bench.information import compare, over_tasks


@pytest.fixture
def folder(tmp_path):
    """One task of single columns and one of pairs of columns, two samples each."""
    for name in ("1v1-normal-0.75", "multinormal-sparse-5-5-2-2.0"):
        known = task(name)
        samples = {"truth_nats": known.nats}
        for seed in (0, 1):
            samples[f"x{seed}"], samples[f"y{seed}"] = known.sample(150, seed)
        np.savez(tmp_path / name, **samples)
    return tmp_path


def of(rows, peer, unit="nats"):
    return [row for row in rows if row["peer"] == peer and row["unit"] == unit]


def test_a_peer_that_is_installed_here_is_measured_on_the_same_samples(folder):
    rows = of(compare(folder, methods=("gaussian",), only=("sklearn-KSG-3",)), "sklearn-KSG-3")
    single, wide = rows
    assert single["name"] == "1v1-normal-0.75 error (gaussian)"
    assert single["shape"] == "150 x (1 + 1)"
    assert 0 <= single["theirs"] < 0.3
    assert single["ratio"] == pytest.approx(single["theirs"] / single["ours"])
    assert (wide["theirs"], wide["ratio"], wide["note"]) == (None, None, "single columns only")


def test_without_a_peer_ours_stands_alone(folder):
    rows = compare(folder, seeds=1, methods=("gaussian",), only=("no-such-peer",))
    assert len(rows) == 2 * 2
    assert all(row["peer"] is row["theirs"] is row["ratio"] is None for row in rows)
    assert [line["peer"] for line in over_tasks(rows)] == ["ours (gaussian)"]


def test_what_is_kept_is_not_measured_again(folder):
    out = folder / "out.jsonl"
    rows = compare(folder, seeds=1, methods=("gaussian",), only=("no-such-peer",), out=out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    lines[0]["ours"]["gaussian"]["error"] = 42.0
    out.write_text("\n".join(map(json.dumps, lines)))
    again = compare(folder, seeds=1, methods=("gaussian",), only=("no-such-peer",), out=out)
    assert again[0]["ours"] == 42.0
    assert again[1:] == rows[1:]


def table_row(name, unit, ours, theirs, method="auto", peer="p"):
    return {
        "name": f"{name} ({method})", "unit": unit, "method": method, "peer": peer, "ours": ours, "theirs": theirs,
        "worst": 2 * ours, "their_worst": None if theirs is None else 2 * theirs,
    }  # fmt: skip


def test_the_last_lines_count_every_task_once_and_a_peer_where_it_answered():
    rows = [
        table_row("a", "nats", 0.1, 0.3),
        table_row("a", "nats", 0.1, 0.5, peer="q"),
        table_row("b", "nats", 0.3, None),
    ]
    rows += [table_row("a", unit, 0.4, value, method="ksg") for unit, value in (("nats", 0.3), ("s", 4.0))]
    rows += [
        table_row("a", "s", 1.0, 4.0),
        table_row("a", "s", 1.0, 2.0, peer="q"),
        table_row("b", "s", 3.0, None),
    ]
    lines = {line["peer"]: line for line in over_tasks(rows)}
    assert set(lines) == {"ours (auto)", "ours (ksg)", "p", "q"}
    ours, p = lines["ours (auto)"], lines["p"]
    assert (ours["tasks"], ours["mean_error"], ours["worst_error"]) == (2, pytest.approx(0.2), 0.6)
    assert ours["median_seconds"] == 2.0
    assert (p["tasks"], p["mean_error"], p["worst_error"], p["median_seconds"]) == (1, 0.3, 0.6, 4.0)


def test_a_python_that_fails_is_refused_with_its_last_words(folder):
    broken = folder / "python"
    broken.write_text("#!/bin/sh\necho 'no numpy here' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(InputError, match="no numpy here"):
        compare(folder, peers=broken, seeds=1, methods=("gaussian",))


def test_the_command_prints_the_rows_of_the_contract(folder, capsys):
    words = ["bench", "--information", str(folder), "--methods", "gaussian", "--peers", "sklearn-KSG-3"]
    assert cli.run([*words, "--seeds", "1", "--peer-python", sys.executable, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(set(row) >= {"name", "shape", "peer", "ours", "theirs", "ratio", "unit"} for row in rows)
    assert cli.run([*words, "--seeds", "1"]) == 0
    assert "over all tasks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--information", "/nowhere"), "found none in /nowhere"),
        (("--information", ".", "--peer-python", "/nowhere"), "/nowhere, which is no file"),
        (("--information", ".", "--seeds", "0"), "--seeds from 1, got 0"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(words, message, capsys):
    assert cli.run(["bench", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_script_of_the_peers_needs_nothing_of_this_project():
    source = (Path(__file__).parents[3] / "lab" / "bench" / "peers.py").read_text()
    assert "import core" not in source
    assert "from core" not in source
    assert "from lab" not in source
