"""`lab bench`: rows of the contract, made on steps so small that they prove only that everything is measured."""

import json
import signal
import subprocess

import pytest

from core.errors import InputError
from lab import cli
from lab.bench import case as cases
from lab.bench import memory, training
from lab.bench.case import Case
from lab.bench.contenders import ALL, OURS
from lab.bench.text import VOCABULARY, synthetic_text

TINY = {"layers": 3, "hidden": 16, "heads": 2, "vocabulary": 60, "queue": 32, "examples": 6}


def test_the_command_prints_speed_and_memory_beside_every_peer(monkeypatch, capsys):
    monkeypatch.setitem(cases.SHAPES, "small", TINY | {"vocabulary": VOCABULARY})
    assert cli.run(["bench", "--shapes", "small", "--parts", "joint", "--repetitions", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = document["rows"]
    assert {row["unit"] for row in rows} == {"examples/s", "tokens/s", "MiB"}
    assert {row["peer"] for row in rows} == set(training.PEERS["joint"])
    for row in rows:
        larger_is_better = row["unit"] != "MiB"
        ratio = row["ours"] / row["theirs"] if larger_is_better else row["theirs"] / row["ours"]
        assert row["ratio"] == pytest.approx(ratio)
        assert row["ours"] > 0


def test_memory_is_measured_in_a_process_of_its_own_and_counts_the_weights(tmp_path):
    synthetic_text(tmp_path / "text", 200, 60)
    small, wide = (
        Case(shape="tiny", text=tmp_path / "text", **{**TINY, "hidden": hidden}) for hidden in (16, 1024)
    )
    # 3 layers of 1,024 have 38 million weights, each with a gradient and two moments
    assert memory.peak_bytes(wide, OURS) - memory.peak_bytes(small, OURS) > 38e6 * 4 * 4


def test_a_step_that_runs_out_of_memory_is_refused_with_what_to_do(monkeypatch, tmp_path):
    killed = subprocess.CompletedProcess([], -signal.SIGKILL, "", "")
    monkeypatch.setattr(memory.subprocess, "run", lambda *words, **options: killed)
    with pytest.raises(InputError, match="take fewer --examples"):
        memory.peak_bytes(Case(shape="tiny", text=tmp_path, **TINY), ALL)


def test_too_few_examples_are_refused(capsys):
    assert cli.run(["bench", "--examples", "1"]) == 2
    assert "--examples from 2, got 1" in capsys.readouterr().err
