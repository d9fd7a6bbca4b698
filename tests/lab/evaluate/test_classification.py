"""Zero-shot transfer: against slow counts, on vectors whose answer is known, and on a tiny run."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom

from core.checkpoint import open_model
from core.errors import InputError
from core.progress import no_progress
from core.text.tokenizer import load_tokenizer
from lab import cli, store
from lab.evaluate.classification import (
    Transfer,
    classify_run,
    gap_interval,
    labelled,
    probed,
    transfer,
)
from lab.evaluate.finetuning import fine_tuned
from lab.evaluate.intervals import LEVEL
from lab.evaluate.labels import read_labels, relations_of
from lab.world import World
from tests.lab.runs import trained_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder))
        trained_run("tiny")
    return folder


@pytest.fixture
def run(trained, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(trained))
    return store.open_run("tiny")


def test_the_label_of_a_meaning_is_the_relation_that_its_sentence_tells():
    world = World.load(("en",))
    meanings = world.draw(50, 3)
    relations, _ = world.facts.unpack(meanings)
    assert relations_of(world, meanings).tolist() == [world.facts.relations[i] for i in relations]
    two = World.load(("en",), facts=2)
    both = meanings * world.facts.total + meanings[::-1]
    assert relations_of(two, both).tolist() == relations_of(world, meanings).tolist()


def test_no_meaning_is_learned_from_and_tested_on(run):
    train, test = labelled(run, "en")
    assert set(train["language"]) == {"en"}
    assert not set(train["meaning"]) & set(test["meaning"])
    assert set(test["meaning"]) == set(run.held_out()["meaning"])
    assert set(test["language"]) == {"ar", "en", "zh"}
    assert len(train) == 260
    assert len(labelled(run, "en", sentences=100)[0]) == 100


def test_vectors_that_do_not_tell_languages_apart_transfer_without_a_gap():
    rng = np.random.default_rng(0)
    centres = 5 * rng.normal(size=(4, 8))
    labels = np.array(["a", "b", "c", "d"])[rng.integers(4, size=400)]
    vectors = centres[np.searchsorted(["a", "b", "c", "d"], labels)] + rng.normal(size=(400, 8))
    predicted = probed(vectors[:200], labels[:200], vectors[200:])
    assert (predicted == labels[200:]).mean() > 0.95


def table() -> pd.DataFrame:
    rows = [(m, tag, "x" if m % 2 else "y") for tag in ("ar", "en", "zh") for m in range(40)]
    return pd.DataFrame(rows, columns=["meaning", "language", "label"])


def test_accuracy_and_gap_are_counted_per_language():
    test = table()
    predicted = test["label"].to_numpy().copy()
    predicted[(test["language"] == "ar") & (test["meaning"] < 10)] = "wrong"
    predicted[(test["language"] == "en") & (test["meaning"] < 4)] = "wrong"
    *rows, mean = transfer(test, predicted, "en").rows()
    accuracy = {row["language"]: row["accuracy"] for row in rows}
    assert accuracy == pytest.approx({"ar": 0.75, "en": 0.9, "zh": 1.0})
    assert [row["gap"] for row in rows] == pytest.approx([0.15, 0.0, -0.1])
    assert mean["language"] is None
    assert (mean["accuracy"], mean["gap"]) == pytest.approx((0.875, 0.025))
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows)


def test_gaps_are_paired_by_meaning():
    rng = np.random.default_rng(1)
    hard = (rng.random(300) < 0.5).astype(float)
    paired = Transfer("en", ("ar", "en"), np.arange(300), np.column_stack([hard, hard])).rows()[0]
    apart = Transfer(
        "en", ("ar", "en"), np.arange(300), np.column_stack([rng.permutation(hard), hard])
    ).rows()[0]
    # no meaning differs; one that did, added on either side, moves the mean by 1 / 301, and the limit by some three
    assert (paired["gap"], -paired["gap_low"]) == (0.0, pytest.approx(paired["gap_high"]))
    assert 1 / 301 < paired["gap_high"] < 4 / 301
    # the difference of two independent shares of a half in 300 has standard error 0.04
    assert apart["gap_high"] - apart["gap_low"] == pytest.approx(2 * 1.96 * 0.041, rel=0.15)


def test_intervals_do_not_collapse_where_all_answers_are_right():
    *rows, mean = Transfer("en", ("ar", "en", "zh"), np.arange(40), np.ones((40, 3))).rows()
    assert all(row["low"] == pytest.approx(0.025 ** (1 / 40)) for row in rows)
    assert all(row["gap_low"] < -0.02 and row["gap_high"] > 0.02 for row in (rows[0], mean))
    assert (rows[1]["gap_low"], rows[1]["gap_high"]) == (0.0, 0.0)
    assert mean["low"] < 0.95
    assert {row["high"] for row in (*rows, mean)} == {1.0}


TRIALS = 2_000
ENOUGH = float(binom.ppf(1e-4, TRIALS, LEVEL)) / TRIALS
"""As few covered in so many trials would be seen once in ten thousand times if 95 % were covered."""


@pytest.mark.parametrize("n", [6, 40, 500])
@pytest.mark.parametrize("languages", [1, 14])
@pytest.mark.parametrize("alone", [1.0, 0.1])
def test_gaps_are_covered_from_0_to_1_whether_languages_fail_apart_or_together(n, languages, alone):
    rng = np.random.default_rng([n, languages, int(10 * alone)])
    shape = (TRIALS, n, 1 + languages)
    known = np.ones(shape[1:], dtype=bool)
    for source, others in ((1.0, 1.0), (1.0, 0.995), (0.98, 0.9), (0.5, 0.3), (0.02, 0.02), (1.0, 0.0)):
        # a meaning is as hard in all languages, or in each on its own with probability `alone`
        chance = np.where(rng.random(shape) < alone, rng.random(shape), rng.random((TRIALS, n, 1)))
        right = (chance < np.r_[source, np.full(languages, others)]).astype(float)
        low, high = gap_interval(right, known, 0, list(range(1, 1 + languages)))
        gap = source - others
        assert ((low <= gap + 1e-9) & (gap <= high + 1e-9)).mean() >= ENOUGH


def test_the_interval_of_a_gap_counts_a_language_over_the_meanings_it_has():
    correct = np.array([[1.0, 1.0], [math.nan, 1.0], [0.0, 0.0], [1.0, 0.0]])
    row = Transfer("en", ("ar", "en"), np.arange(4), correct).rows()[0]
    assert row["gap"] == pytest.approx(2 / 4 - 2 / 3)
    assert -1 <= row["gap_low"] < row["gap"] < row["gap_high"] <= 1


def test_a_language_that_lacks_a_meaning_is_counted_over_those_it_has():
    correct = np.array([[1.0, 1.0], [math.nan, 1.0], [0.0, 0.0]])
    rows = Transfer("en", ("ar", "en"), np.arange(3), correct).rows()
    assert (rows[0]["accuracy"], rows[0]["n"]) == (0.5, 2)


@pytest.mark.parametrize("method", ["probe", "fine-tune"])
def test_a_run_is_classified_and_keeps_its_scores(run, method):
    document = classify_run(run, "en", method, sentences=64)
    assert {row["language"] for row in document["rows"]} == {"ar", "en", "zh"}
    assert document["classes"] > 5
    assert 0 < document["majority"] < 0.5
    scores = run.scores()
    scores = scores[(scores["task"] == "classification") & (scores["metric"] == f"{method} accuracy")]
    english = scores[scores["target"] == "en"].iloc[0]
    assert english["value"] == pytest.approx(
        next(r["accuracy"] for r in document["rows"] if r["language"] == "en")
    )
    assert classify_run(run, "en", method, sentences=64) == document


def test_fine_tuning_trains_a_copy_of_the_encoder_and_leaves_the_model_as_it_is(run):
    checkpoint = run.checkpoint()
    model, tokenizer = open_model(checkpoint, run.info.settings), load_tokenizer(checkpoint)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items() if hasattr(tensor, "clone")}
    train, _ = labelled(run, "en")
    labels = (train["label"] == train["label"].mode()[0]).to_numpy().astype(str)
    predict = fine_tuned(model, tokenizer, train["text"].tolist(), labels, 1, "mean", 0.03, 0, no_progress)
    majority = max((labels == label).mean() for label in ("True", "False"))
    assert (predict(train["text"].tolist()) == labels).mean() > majority + 0.1
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("ending", ["tsv", "csv", "parquet"])
def test_labels_are_read_from_the_file_that_was_imported(run, tmp_path, ending):
    meanings = np.concatenate([frame["meaning"].unique() for frame in labelled(run, "en")])
    labels = pd.DataFrame({"meaning": meanings, "text": "…", "label": np.where(meanings % 2, "odd", "even")})
    path = tmp_path / f"labels.{ending}"
    if ending == "parquet":
        labels.to_parquet(path)
    else:
        labels.to_csv(path, sep="\t" if ending == "tsv" else ",", index=False)
    train, test = labelled(run, "zh", path)
    assert (train["label"] == np.where(train["meaning"] % 2, "odd", "even")).all()
    assert set(test["label"]) == {"odd", "even"}
    assert classify_run(run, "zh", labels=path)["classes"] == 2


def test_meanings_without_a_label_are_left_out(run, tmp_path):
    train, test = labelled(run, "en")
    meanings = np.r_[train["meaning"][:30], test["meaning"].unique()[:5]]
    path = tmp_path / "labels.csv"
    pd.DataFrame({"meaning": meanings, "label": ["a", "b"] * 17 + ["a"]}).to_csv(path, index=False)
    train, test = labelled(run, "en", path)
    assert (len(train), test["meaning"].nunique()) == (30, 5)


@pytest.mark.parametrize("ending", ["tsv", "csv", "parquet"])
def test_a_label_is_text_whatever_it_looks_like(tmp_path, ending):
    written = (
        ["NA", "None", "null", "nan", "01", "1.0", "True", 'a "quoted'] if ending != "csv" else ["NA", "01"]
    )
    labels, path = (
        pd.DataFrame({"meaning": range(len(written)), "label": written}),
        tmp_path / f"labels.{ending}",
    )
    if ending == "parquet":
        labels.to_parquet(path)
    else:
        sign = "\t" if ending == "tsv" else ","
        rows = [sign.join(map(str, row)) for row in labels.itertuples(index=False)]
        path.write_text("\n".join([sign.join(labels.columns), *rows, ""]))
    assert read_labels(path)(np.arange(len(written))).tolist() == written


def test_labels_of_any_other_type_are_their_text(tmp_path):
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"meaning": [1, 2], "label": [3, 4]}).to_parquet(path)
    assert read_labels(path)(np.array([2, 1])).tolist() == ["4", "3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("meaning,label\n1,a\n1,b\n", "meaning 1 has two labels"),
        ("meaning,label\n1,a\n2,\n", "meaning 2 has no label"),
        ("meaning,label\n1,a\n2\n", "meaning 2 has no label"),
        ("meaning,label\n3.7,a\n", "a whole number as meaning, got '3.7'"),
        ("meaning,label\n99999999999999999999,a\n", "a whole number as meaning, got '9999"),
        ("meaning,label\n,a\n", "a whole number as meaning, got ''"),
        ("meaning,class\n1,a\n", "expected the columns meaning and label, got meaning class"),
        ("meaning,label\n1,a\n", "two labels or more"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(run, tmp_path, content, message):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        labelled(run, "en", path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: classify_run(run, "sw"), "expected a language out of ar en zh, got 'sw'"),
        (lambda run: classify_run(run, layer=7), "expected a layer from 0 to 1, got 7"),
        (lambda run: read_labels(run.folder / "run.json"), "as .tsv, .csv or .parquet"),
    ],
)
def test_a_mistake_is_told_in_one_line(run, call, message):
    with pytest.raises(InputError, match=message):
        call(run)


def test_the_command_prints_one_document_and_a_table(run, capsys):
    words = ["evaluate", "tiny", "--task", "classification", "--sentences", "64"]
    assert cli.run([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["run"], document["task"], document["source"]) == ("tiny", "classification", "en")
    keys = {"language", "accuracy", "low", "high", "gap", "gap_low", "gap_high", "n"}
    assert all(set(row) == keys for row in [*document["rows"], document["mean"]])
    assert cli.run([*words, "--source", "ar"]) == 0
    output = capsys.readouterr().out
    assert "learned from 64 sentences in ar" in output
    assert "mean of the others" in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["tiny", "--task", "spelling"],
            "--task out of retrieval, classification, baselines, roles, alignment, geometry, got 'spelling'",
        ),
        (["tiny", "--task", "classification", "--sentences", "1"], "--sentences from 2, got 1"),
        (["tiny", "--source", "ar"], "--source"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_exit_code_2(run, capsys, words, message):
    assert cli.run(["evaluate", *words]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("lab: ")
    assert message in last
