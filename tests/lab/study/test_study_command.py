"""`lab study`: documents, tables, mistakes, and a study that failed in part."""

import json

import pandas as pd
import pytest

import lab.study.baselines
import lab.study.cells
import lab.study.grid
from core.errors import InputError
from lab import cli, store
from lab.evaluate.baselines import evaluate_baselines
from lab.store.study import open_study
from lab.study.baselines import DIMENSIONS, NAMES, measure_baselines
from lab.study.cells import Cell, run_cell
from tests.lab.study.arms import WEIGHTING

pytestmark = pytest.mark.usefixtures("two_arms")


def test_baselines_stand_beside_every_cell_with_the_numbers_of_their_own_command(studied, monkeypatch):
    beside = open_study("weighting-smoke").baselines()
    assert set(beside["baseline"]) == set(NAMES)
    assert beside.groupby(["arm", "seed"]).ngroups == 4
    sums = beside.groupby(["arm", "seed", "baseline"])[["total", "weight"]].sum()
    accuracy = sums["total"] / sums["weight"]
    rows = evaluate_baselines(store.open_run("weighting-smoke/mean-101"), dimensions=DIMENSIONS)["rows"]
    for row in rows:
        if row["baseline"] in NAMES:
            for arm in WEIGHTING:
                assert accuracy[arm, 101, row["baseline"]] == pytest.approx(row["accuracy"], abs=1e-9)

    def forbidden(*arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(lab.study.baselines, "baseline_units", forbidden)
    assert len(measure_baselines(store.open_run("weighting-smoke/token-sum-102"), forbidden))


def test_the_command_prints_one_document_and_a_table(studied, capsys):
    assert cli.run(["study", "weighting", "--scale", "smoke", "--seeds", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["study"] == "weighting"
    assert document["failed"] == []
    keys = {"arm", "metric", "value", "low", "high", "seeds", "p_value"}
    assert all(keys <= set(row) for row in document["rows"])
    assert any(row["p_value"] is None for row in document["rows"])
    assert {row["baseline"] for row in document["baselines"]} == set(NAMES)
    assert (
        cli.run(["study", "weighting", "--scale", "smoke", "--seeds", "2", "--reference", "token-sum"]) == 0
    )
    output = capsys.readouterr().out
    assert "How should the three losses be weighed?" in output
    assert "less token-sum" in output
    beside = "Without a network, on the same held-out sentences, retrieval (top-1): cross-lingual latent"
    assert beside in " ".join(output.split())
    assert "2 seeds; differences are paired by sentence and seed" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "expected a study out of tasks"),
        (
            ["weighting", "--scale", "smoke", "--seeds", "2", "--reference", "x"],
            "expected an arm out of mean",
        ),
        (["weighting", "--scale", "smoke", "--seeds", "2", "--jobs", "0"], "--jobs from 1, got 0"),
        (["tasks", "--scale", "huge"], "--scale"),
        (
            ["layer", "--corpus", "mine", "--world.relations", "transfer"],
            "settings of the world are not read with --corpus",
        ),
        (["layer", "--scale", "smoke", "--world.relations", "x"], "relations must be distinct names out of"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(studied, capsys, words, message):
    assert cli.run(["study", *words]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("lab: ")
    assert message in last


def test_a_study_that_failed_in_part_prints_what_there_is_and_exits_with_2(studied, capsys, monkeypatch):
    whole = run_cell

    def sometimes(cell: Cell, *more) -> pd.DataFrame:
        if cell.arm == "token-sum":
            raise InputError("no room")
        return whole(cell, *more)

    monkeypatch.setattr(lab.study.grid, "run_cell", sometimes)
    assert cli.run(["study", "weighting", "--scale", "smoke", "--seeds", "1", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] == [{"cell": "weighting-smoke/token-sum-101", "reason": "no room"}]
    assert {row["arm"] for row in document["rows"]} == {"mean"}
