"""What a finished study says: its table, the same numbers as its cells' own commands, baselines, curves."""

import math

import numpy as np
import pytest

from lab import cli, store
from lab.evaluate.effort import Effort
from lab.evaluate.information import information_of_run
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.masked import masked_reading
from lab.evaluate.roles import evaluate_roles
from lab.evaluate.run import evaluate_run
from lab.store.study import open_study
from lab.study import against
from lab.study.baselines import DIMENSIONS
from lab.study.definitions import STUDIES
from lab.study.provenance import outdated
from lab.study.tables import heading
from lab.world.facts import role_relations
from tests.lab.study.arms import WEIGHTING

pytestmark = pytest.mark.usefixtures("two_arms")


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
