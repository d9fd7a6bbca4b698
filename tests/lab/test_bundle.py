"""Exported runs: complete folders that others open and training goes on from."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer

from core.checkpoint import open_model
from core.text.tokenizer import load_tokenizer
from lab.cli import run as lab
from lab.evaluate.scores import read_mean
from lab.evaluate.vectors import encode
from lab.store import open_run
from tests.lab.runs import FLAGS
from tests.real_run import real_run

MOMENTUM = [
    "--contrast.keys",
    "momentum",
    "--contrast.head",
    "--contrast.queue",
    "30",
    "--contrast.layer",
    "1",
]


@pytest.fixture
def trained(capsys):
    assert lab(["train", "toy", "--name", "r", "--steps", "3", *FLAGS, *MOMENTUM]) == 0
    capsys.readouterr()
    return open_run("r")


def test_a_bundle_holds_what_the_run_was_and_gives_its_vectors(trained, tmp_path, capsys):
    folder = tmp_path / "bundle"
    assert lab(["export", "r", "--out", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["run"], document["step"], document["layer"], document["pooling"]) == ("r", 3, 1, "mean")
    assert set(document["files"]) >= {
        *("config.json", "model.safetensors", "contrast.safetensors", "tokenizer.json", "modules.json"),
        *("1_Pooling/config.json", "run.json", "scores.parquet", "README.md"),
    }
    assert json.loads((folder / "run.json").read_text())["settings"]["steps"] == 3
    assert "guessing 0.025 in pools of 40; 95 % interval" in (folder / "README.md").read_text()
    texts = trained.held_out()["text"].tolist()[:20]
    model, tokenizer = open_model(trained.checkpoint(), trained.info.settings), load_tokenizer(folder)
    ours = encode(model, tokenizer, texts, [1])[1]
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(texts)
    np.testing.assert_allclose(theirs, ours, atol=1e-6, rtol=0)


def test_an_exported_run_is_evaluated_like_the_run(trained, tmp_path, capsys):
    folder, corpus = tmp_path / "bundle", tmp_path / "corpus"
    assert lab(["world", "--languages", "ar", "en", "zh", "--meanings", "50", "--out", str(corpus)]) == 0
    assert lab(["export", "r", "--out", str(folder)]) == 0
    capsys.readouterr()
    vectors = []
    for name in ("r", str(folder)):
        assert lab(["evaluate", name, "--corpus", str(corpus), "--json"]) == 0
        vectors.append(json.loads(capsys.readouterr().out))
    # only of a run is it known which text it was trained on
    assert vectors[0].pop("trained_on") is False
    # and only a checkpoint may have prompts, and sentence vectors that are made otherwise
    assert (vectors[1].pop("prompts"), vectors[1].pop("reading")) == ("", "")
    assert vectors[0] | {"run": ""} == vectors[1] | {"run": ""}


def test_training_goes_on_from_a_bundle_with_its_head_and_queue(trained, tmp_path, capsys):
    folder = tmp_path / "bundle"
    assert lab(["export", "r", "--out", str(folder)]) == 0
    start = ["--model.start", str(folder), "--contrast.momentum", "1.0"]
    train = ["train", "toy", "--steps", "1", *FLAGS, *MOMENTUM, *start]
    assert lab([*train, "--name", "on"]) == 0
    before, after = (
        load_file(place / "contrast.safetensors") for place in (folder, open_run("on").checkpoint())
    )
    np.testing.assert_array_equal(after["key_head.weight"], before["key_head.weight"])
    # 8 new keys took the place of the oldest, the others are still those of the run
    same = (after["queue.keys"] == before["queue.keys"]).all(1)
    assert (len(same), int(same.sum())) == (30, 22)
    assert lab([*train, "--name", "fresh", "--model.no-start-contrast"]) == 0
    fresh = load_file(open_run("fresh").checkpoint() / "contrast.safetensors")
    assert not np.array_equal(fresh["key_head.weight"], before["key_head.weight"])
    capsys.readouterr()
    assert lab([*train, "--name", "other", "--contrast.queue", "31"]) == 2
    assert "--model.no-start-contrast" in capsys.readouterr().err


def test_a_folder_is_replaced_only_when_asked(trained, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    words = ["export", "r", "--out", str(tmp_path / "taken")]
    assert lab(words) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert lab([*words, "--layer", "5", "--overwrite"]) == 2
    assert (tmp_path / "taken" / "mine").exists()
    assert lab([*words, "--overwrite"]) == 0
    assert not (tmp_path / "taken" / "mine").exists()
    assert "hidden state 1, mean pooling" in " ".join(capsys.readouterr().out.split())


def test_a_run_without_a_checkpoint_cannot_be_exported(trained, capsys):
    (trained.folder / "checkpoints").rename(trained.folder / "gone")
    assert lab(["export", "r", "--out", "exports/none"]) == 2
    assert "has no checkpoint yet" in capsys.readouterr().err


def test_a_bundle_of_a_run_on_text_of_real_shape_states_chance_and_pools_and_measures_the_same(
    tmp_path, capsys
):
    mean = read_mean(real_run(tmp_path / "text").scores())
    assert mean.pools[0] < mean.pools[1]
    assert lab(["export", "r", "--out", str(tmp_path / "bundle")]) == 0
    assert f"guessing {mean.chance:.2g} in pools of {mean.pools_in_words}" in (
        (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    )
