"""A study from its cells to its table: killed, resumed, failed, changed, alone and side by side."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import lab.study.baselines
import lab.study.cells
import lab.study.grid
from core.errors import InputError
from core.text.corpus import write_corpus
from lab import cli, store
from lab.evaluate.baselines import evaluate_baselines
from lab.evaluate.effort import Effort
from lab.evaluate.information import information_of_run
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.ledger.xlco import num_candidates
from lab.evaluate.roles import evaluate_roles
from lab.evaluate.run import evaluate_run
from lab.store.study import open_study, study_folder
from lab.study import against, run_study, study
from lab.study.baselines import DIMENSIONS, NAMES, measure_baselines
from lab.study.cells import Cell, run_cell
from lab.study.definitions import STUDIES, weighting_arms
from lab.study.grid import plan
from lab.study.provenance import outdated
from lab.study.tables import heading
from lab.world import World
from lab.world.facts import role_relations
from tests.real_shape import real_shape_corpus

WEIGHTING = ("mean", "token-sum")
TWO_ARMS = replace(STUDIES["weighting"], arms=lambda base: weighting_arms(base)[:2])


@pytest.fixture(autouse=True)
def _two_arms(monkeypatch):
    monkeypatch.setitem(STUDIES, "weighting", TWO_ARMS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished study of two arms and two seeds, made once."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        from lab.study import scales
        from tests.lab.study.conftest import PROTOCOL, least

        patch.setitem(scales.SCALES, "smoke", scales.Scale(least, PROTOCOL))
        patch.setitem(STUDIES, "weighting", TWO_ARMS)
        study("weighting", "smoke", seeds=2)
    return folder


@pytest.fixture
def studied(whole, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(whole))
    return whole


def test_the_table_has_a_row_for_every_arm_and_metric_with_its_interval(studied):
    table = open_study("weighting-smoke").table()
    assert set(table["arm"]) == set(WEIGHTING)
    assert set(STUDIES["weighting"].metrics) <= set(table["metric"])
    rows = table[~table["metric"].isin(["seconds", "tokens"])]
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert (table["seeds"] == 2).all()
    assert table.loc[table["arm"] == "mean", "p_value"].isna().all()
    tested = table[table["arm"] != "mean"]
    assert (tested["p_holm"] >= tested["p_value"]).all()


def test_cells_are_ordinary_runs_whose_own_evaluation_gives_the_same_numbers(studied):
    units = open_study("weighting-smoke").units()
    run = store.open_run("weighting-smoke/mean-101")
    of_cell = units[(units["arm"] == "mean") & (units["seed"] == 101)]

    def value(metric: str) -> float:
        parts = of_cell[of_cell["metric"] == metric].groupby("part")[["total", "weight"]].sum()
        return float((parts["total"] / parts["weight"]).sum())

    assert value("retrieval") == pytest.approx(evaluate_run(run)["mean_accuracy"], abs=1e-9)
    loaded = load_run(run)
    slow = masked_reading(loaded, "mmlm", 40, seed=101)
    known = of_cell[of_cell["metric"] == "mmlm"].iloc[0]
    assert known["ceiling"] - value("mmlm") == pytest.approx(slow.mean, abs=1e-9)
    assert known["truth"] <= known["ceiling"]
    assert value("mmlm_loss") == pytest.approx(known["ceiling"] - value("mmlm"), abs=1e-9)
    bound = of_cell[of_cell["metric"] == "xlco"]
    assert bound["ceiling"].iloc[0] == pytest.approx(math.log(8))
    assert value("xlco") <= math.log(8) + 1e-6
    assert value("xlco_loss") == pytest.approx(math.log(8) - value("xlco"), abs=1e-9)


def test_limits_and_what_the_translation_adds_are_those_of_the_ledger(studied):
    run = store.open_run("weighting-smoke/mean-101")
    rows = information_of_run(run, Effort((8,), 1, 40, 4, seed=101))["rows"]
    slow = next(row for row in rows if row["task"] == "tlm - mmlm")
    units = open_study("weighting-smoke").units()
    of_cell = units[(units["arm"] == "mean") & (units["seed"] == 101)]
    added = of_cell[of_cell["metric"] == "tlm_minus_mmlm"]
    assert added["total"].sum() / added["weight"].sum() == pytest.approx(slow["nats"], abs=1e-9)
    row, bound = (
        next(row for row in rows if row["task"] == "xlco"),
        of_cell[of_cell["metric"] == "xlco"].iloc[0],
    )
    for limit in ("ceiling", "attainable", "truth"):
        assert bound[limit] == pytest.approx(row[limit], abs=1e-9)
    # the ideal reader of masked tokens shows the truth, which the ledger samples with a seed of its own
    masked = of_cell[of_cell["metric"].isin(["mmlm", "tlm", "tlm_minus_mmlm"])]
    assert (masked["attainable"] == masked["truth"]).all()
    assert bound["attainable"] < bound["ceiling"] < bound["truth"]


def test_arms_of_a_seed_read_the_same_sentences_and_seeds_read_others(studied):
    units = open_study("weighting-smoke").units()
    read = units[units["metric"] == "mmlm"].groupby(["arm", "seed"])[["unit", "weight"]].agg(tuple)
    by_seed = read.groupby("seed").nunique()
    assert (by_seed == 1).all(axis=None)
    assert read["unit"].nunique() == 2


def test_a_finished_study_runs_no_cell_again(studied, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr(lab.study.cells, "run_training", forbidden)
    monkeypatch.setattr(lab.study.measures, "load_run", forbidden)
    before = open_study("weighting-smoke").table()
    pd.testing.assert_frame_equal(study("weighting", "smoke", seeds=2), before)


def test_more_seeds_add_cells_and_keep_those_there_are(studied):
    written = {path: path.stat().st_mtime_ns for path in studied.glob("weighting-smoke/*/steps.jsonl")}
    table = study("weighting", "smoke", seeds=3)
    assert (table["seeds"] == 3).all()
    assert len(written) == 4
    assert all(path.stat().st_mtime_ns == before for path, before in written.items())
    study("weighting", "smoke", seeds=2)


def test_another_reference_compares_the_same_cells(studied):
    folder = open_study("weighting-smoke")
    usual, turned = folder.table(), against(folder, "token-sum")
    forward = usual[(usual["arm"] == "token-sum") & (usual["metric"] == "mmlm")].iloc[0]
    backward = turned[(turned["arm"] == "mean") & (turned["metric"] == "mmlm")].iloc[0]
    assert forward["difference"] == pytest.approx(-backward["difference"])
    assert forward["p_value"] == pytest.approx(backward["p_value"])
    assert usual["value"].tolist() == turned["value"].tolist()


def test_a_study_says_what_guessing_retrieves(studied):
    table = open_study("weighting-smoke").table().set_index("metric")
    # 40 held-out meanings, told in every language
    assert table.loc["retrieval", "chance"].tolist() == pytest.approx([1 / 40] * 2)
    assert table.loc["mmlm", "chance"].isna().all()
    assert "guessing 0.025" in heading(table.loc[["retrieval"]].reset_index().to_dict("records"))


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


def test_roles_are_measured_where_the_world_tells_role_facts_and_nowhere_else(studied, tmp_path, monkeypatch):
    assert not open_study("weighting-smoke").table()["metric"].str.startswith("roles").any()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    words = ["--scale", "smoke", "--seeds", "1", "--world.relations", *role_relations()]
    assert cli.run(["study", "layer", *words]) == 0
    folder = open_study("layer-smoke-roles")
    info, units = folder.info, folder.units()
    assert info.metrics == ("retrieval", "roles", "xlco", "mmlm")
    assert [contrast.metric for contrast in info.contrasts] == ["retrieval", "roles"]
    assert info.base.world.relations == tuple(role_relations()) == tuple(info.world["relations"])
    # the world of role facts tells all that the scale draws
    assert info.base.world.meanings == 300
    rows = evaluate_roles(store.open_run("layer-smoke-roles/layer-0-101"), dimensions=DIMENSIONS)["rows"]

    def slow(vectors: str) -> float:
        """The mean over relations, of which each has a row."""
        return np.mean([row["accuracy"] for row in rows if row["vectors"] == vectors and row["relation"]])

    of_arm = units[units["arm"] == "layer-0"]
    beside = folder.baselines().query("arm == 'layer-0' and metric == 'roles'")
    for table, vectors in (
        (of_arm[of_arm["metric"] == "roles"], "layer 0"),
        (of_arm[of_arm["metric"] == "roles_layer_1"], "layer 1"),
        (beside[beside["baseline"] == "lsa"], "lsa"),
        (beside[beside["baseline"] == "tokens"], "tokens"),
    ):
        assert table["total"].sum() / table["weight"].sum() == pytest.approx(slow(vectors), abs=1e-9)
        assert (table["chance"] == 0.5).all()
    assert outdated(info.model_copy(update={"scale": "smoke", "probe": {}}), {}) is None


def test_learning_curves_are_kept_of_every_cell(studied):
    curves = open_study("weighting-smoke").curves()
    assert {"retrieval", "mmlm", "mmlm_loss", "xlco"} <= set(curves["metric"])
    assert curves.groupby(["arm", "seed"]).ngroups == 4
    assert curves["step"].max() == 12


def test_changed_settings_of_a_cell_are_refused_and_not_mixed(studied, monkeypatch):
    from lab.study import scales
    from tests.lab.runs import tiny
    from tests.lab.study.conftest import PROTOCOL

    monkeypatch.setitem(
        scales.SCALES, "smoke", scales.Scale(lambda: tiny(contrast={"examples": 32}, steps=14), PROTOCOL)
    )
    with pytest.raises(
        InputError, match=r"other settings \(steps: 14, kept 12\): give the study another --name"
    ):
        study("weighting", "smoke", seeds=1)


def test_a_name_that_a_run_has_is_refused(studied):
    with pytest.raises(InputError, match="is a run: give the study another --name"):
        run_study("weighting", "smoke", seeds=1, folder="weighting-smoke/mean-101")


def test_a_cell_that_was_killed_goes_on_from_its_checkpoint_to_the_same_numbers(
    studied, tmp_path, monkeypatch
):
    cell = plan(STUDIES["weighting"], "smoke", 1, None, None).cells[0]
    threads = torch.get_num_threads()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "undisturbed"))
    torch.set_num_threads(1)
    run_cell(cell)
    torch.set_num_threads(threads)
    expected = cell.run.steps()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "other"))
    file = tmp_path / "cell.json"
    file.write_text(cell.model_dump_json())
    command = [sys.executable, "-m", "lab.study.cells", str(file)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    while not cell.run.folder.is_dir() or cell.run.checkpoint() is None:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cell.run.status.state == "lost"
    # this process has more threads than the one that was killed, and goes on with that one's
    torch.set_num_threads(2)
    run_cell(cell)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    losses = [name for name in expected if name.startswith("losses.")]
    np.testing.assert_array_equal(cell.run.steps()[losses], expected[losses])


def test_a_failed_cell_is_reported_kept_apart_and_tried_again_alone(runs, monkeypatch):
    broken, tried = {"weighting-smoke/token-sum-101"}, []
    whole = run_cell

    def sometimes(cell: Cell, *more) -> pd.DataFrame:
        tried.append(cell.name)
        if cell.name in broken:
            raise InputError("no room")
        return whole(cell, *more)

    monkeypatch.setattr(lab.study.grid, "run_cell", sometimes)
    folder, failed = run_study("weighting", "smoke", seeds=1)
    assert failed == {"weighting-smoke/token-sum-101": "no room"}
    assert folder.info.missing == tuple(failed)
    assert set(folder.table()["arm"]) == {"mean"}
    with pytest.raises(InputError, match=r"1 cells failed \(weighting-smoke/token-sum-101: no room\)"):
        study("weighting", "smoke", seeds=1)
    broken.clear()
    written = (runs / "weighting-smoke" / "mean-101" / "steps.jsonl").stat().st_mtime_ns
    assert set(study("weighting", "smoke", seeds=1)["arm"]) == set(WEIGHTING)
    assert (runs / "weighting-smoke" / "mean-101" / "steps.jsonl").stat().st_mtime_ns == written
    assert study_folder("weighting-smoke").info.missing == ()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_on_text_that_cannot_serve_is_refused_before_its_first_cell(runs, tmp_path, jobs):
    world = World.load(("ar", "en"))
    texts = {
        "one": (world.rows(world.draw(1, 5), 5), "too few meanings: 0 held out, 2 needed"),
        "untranslated": (
            [(n, tag, world.sentence(n, tag)) for n in range(40) for tag in (("ar", "en")[n % 2],)],
            "no two languages of ar en share a meaning",
        ),
    }
    for name, (rows, message) in texts.items():
        write_corpus(rows, tmp_path / name)
        with pytest.raises(InputError, match=message):
            study("weighting", "smoke", seeds=1, corpus=tmp_path / name, jobs=jobs)
    assert store.list_runs() == []


def test_without_the_reference_arm_there_is_nothing_to_compare(runs, monkeypatch):
    def never(cell: Cell, *more) -> pd.DataFrame:
        raise InputError("no room")

    monkeypatch.setattr(lab.study.grid, "run_cell", never)
    with pytest.raises(
        InputError, match=r"reference arm mean was finished \(weighting-smoke/mean-101: no room\)"
    ):
        study("weighting", "smoke", seeds=1)


def test_other_text_is_studied_without_a_truth_and_with_as_many_candidates_as_it_holds_out(runs, tmp_path):
    world = World.load(("ar", "en"))
    folder = tmp_path / "mine"
    write_corpus(world.rows(world.draw(60, 5), 5), folder, source="a test", licence="none")
    table = study("weighting", "smoke", seeds=1, corpus=folder)
    assert open_study("weighting-smoke-mine").info.corpus == str(folder.resolve())
    assert table["truth"].isna().all()
    assert table["attainable"].isna().all()
    # 3 of the 12 held-out meanings fit the temperature
    assert table[table["metric"] == "xlco"]["ceiling"].tolist() == pytest.approx([math.log(8)] * 2)


def test_a_study_of_text_of_real_shape_says_what_guessing_retrieves_in_pools_of_unequal_size(runs, tmp_path):
    real_shape_corpus(tmp_path / "real", 0.02)
    table = study("weighting", "smoke", seeds=1, corpus=tmp_path / "real").set_index("metric")
    evaluations = [evaluate_run(run) for run in store.list_runs()]
    assert len(evaluations) == 2
    assert len({row["pool"] for row in evaluations[0]["retrieval"]}) > 1
    assert evaluations[0]["too_small"]
    # both arms are measured on the same sentences
    chances = [each["chance"] for each in evaluations]
    assert table.loc["retrieval", "chance"].tolist() == pytest.approx(chances)
    assert chances[0] == pytest.approx(chances[1])
    assert 0 < chances[0] < 1
    assert table.loc["mmlm", "truth"].isna().all()


def test_cells_side_by_side_give_the_numbers_of_cells_one_by_one(studied, tmp_path, monkeypatch):
    expected = open_study("weighting-smoke").units()
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "other"))
    reports = []
    table = study(
        "weighting", "smoke", seeds=1, jobs=2, progress=lambda phase, done, of: reports.append(done / of)
    )
    assert reports[-1] == 1.0
    units = open_study("weighting-smoke").units()
    assert set(table["arm"]) == set(WEIGHTING)
    same = expected[(expected["seed"] == 101) & (expected["metric"] != "seconds")].reset_index(drop=True)
    units = units[units["metric"] != "seconds"].reset_index(drop=True)
    # a cell beside another has fewer threads, which add in another order; training carries that on
    pd.testing.assert_frame_equal(units, same, rtol=1e-2, atol=1e-2)


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


def test_candidates_count_the_batch_the_queue_and_the_pair_itself():
    base = plan(STUDIES["candidates"], "toy", 1, None, None).cells[-1].settings
    assert num_candidates(base) == base.examples_of("contrast")
    memory = plan(STUDIES["queue"], "toy", 1, None, None).cells[0].settings
    assert num_candidates(memory) == 1 + memory.contrast.queue
