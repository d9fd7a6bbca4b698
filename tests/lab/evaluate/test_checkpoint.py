"""Retrieval of other people's checkpoints, as if they were runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import open_foreign
from core.errors import InputError
from core.text.corpus import write_corpus
from lab.cli import run as lab
from lab.evaluate.foreign import other_reading, own_prompts, own_reading
from lab.evaluate.run import PRESETS, RetrievalProtocol, evaluate_checkpoint
from lab.evaluate.vectors import encode
from tests.core.checkpoints import foreign
from tests.core.text.conftest import sentences

TATOEBA = Path(__file__).parents[4] / "shared" / "data" / "tatoeba"
PROMPT_CASE = (
    Path(__file__).parents[4] / "shared" / "cases" / "29-prompts" / "config_sentence_transformers.json"
)
MEANINGS = 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(sentences(MEANINGS, seed=9), tmp_path_factory.mktemp("corpus") / "c").folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return foreign(tmp_path_factory.mktemp("checkpoint") / "xlmr", layers=8)


def by_hand(checkpoint, layer, pooling):
    """Top-1 accuracy by (query, index): transformers, one sentence at a time, and a matrix of cosines."""
    _, model, tokenizer = checkpoint
    vectors: dict[str, dict[int, np.ndarray]] = {}
    for meaning, tag, text in sentences(MEANINGS, seed=9):
        (row,) = tokenizer.encode([text], 32)
        ids = torch.tensor(row[None], dtype=torch.int64)
        with torch.no_grad():
            state = model(ids, output_hidden_states=True).hidden_states[layer][0].numpy()
        vector = state.mean(0) if pooling == "mean" else state[0]
        vectors.setdefault(tag, {})[meaning] = vector / np.linalg.norm(vector)
    accuracy = {}
    for query in vectors:
        for index in vectors:
            hits = [
                max(vectors[index], key=lambda m: float(vectors[index][m] @ vector)) == meaning
                for meaning, vector in vectors[query].items()
            ]
            accuracy[query, index] = np.mean(hits)
    return accuracy


@pytest.mark.parametrize(
    ("protocol", "layer", "pooling"),
    [
        (RetrievalProtocol(), 5, "mean"),
        (PRESETS["tatoeba"], 7, "mean"),
        (RetrievalProtocol(layer=0, pooling="first"), 0, "first"),
        (RetrievalProtocol(layer=3, pooling="first"), 3, "first"),
    ],
)
def test_every_direction_is_what_transformers_and_a_loop_find(corpus, checkpoint, protocol, layer, pooling):
    document = evaluate_checkpoint(str(checkpoint[0]), corpus, protocol)
    expected = by_hand(checkpoint, layer, pooling)
    assert (document["layer"], document["pooling"]) == (layer, pooling)
    assert len(document["retrieval"]) == 6
    for row in document["retrieval"]:
        assert (row["source"], row["target"], row["n"]) == (row["query"], row["index"], MEANINGS)
        assert row["accuracy"] == pytest.approx(expected[row["query"], row["index"]])


def test_query_and_index_are_told_apart(corpus, checkpoint):
    """English queries and English as the index give different figures, so a swapped label cannot go unseen."""
    rows = evaluate_checkpoint(str(checkpoint[0]), corpus, PRESETS["tatoeba"])["retrieval"]
    accuracy = {(row["query"], row["index"]): row["accuracy"] for row in rows}
    expected = by_hand(checkpoint, 7, "mean")
    assert expected["en", "zh"] != expected["zh", "en"]
    assert accuracy["en", "zh"] == pytest.approx(expected["en", "zh"])
    assert accuracy["zh", "en"] == pytest.approx(expected["zh", "en"])


def test_where_all_pairs_share_a_language_both_published_means_are_given(tmp_path, checkpoint):
    rows = [
        (meaning + (1_000 if tag == "zh" else 0), language, text)
        for tag in ("fr", "zh")
        for meaning, language, text in sentences(40)
        if language in ("en", tag)
    ]
    folder = write_corpus(rows, tmp_path / "c").folder
    document = evaluate_checkpoint(str(checkpoint[0]), folder, PRESETS["tatoeba"])
    accuracy = {(row["query"], row["index"]): row["accuracy"] for row in document["retrieval"]}
    assert set(accuracy) == {("en", "fr"), ("en", "zh"), ("fr", "en"), ("zh", "en")}
    assert [(mean["query"], mean["index"], mean["pairs"]) for mean in document["means"]] == [
        ("en", "others", 2),
        ("others", "en", 2),
    ]
    from_english, to_english = (mean["accuracy"] for mean in document["means"])
    assert from_english == pytest.approx((accuracy["en", "fr"] + accuracy["en", "zh"]) / 2)
    assert to_english == pytest.approx((accuracy["fr", "en"] + accuracy["zh", "en"]) / 2)


def test_the_command_line_reads_a_folder_like_a_run(corpus, checkpoint, capsys):
    words = ["evaluate", str(checkpoint[0]), "--corpus", str(corpus), "--preset", "tatoeba", "--layer", "2"]
    assert lab([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["run"] == str(checkpoint[0])
    assert (document["layer"], document["pooling"]) == (2, "mean")
    assert set(document["retrieval"][0]) >= {"source", "target", "accuracy", "low", "high", "n", "layer"}
    assert lab(words) == 0
    assert "en→fr" in capsys.readouterr().out


MISTAKES = {
    "no text": ([], "name some with --corpus"),
    "a layer too high": (["--layer", "9", "--corpus", "CORPUS"], "expected a layer from 0 to 8, got 9"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(corpus, checkpoint, capsys, mistake):
    words, message = MISTAKES[mistake]
    words = [str(corpus) if word == "CORPUS" else word for word in words]
    assert lab(["evaluate", str(checkpoint[0]), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_path_that_is_not_there_is_neither_run_nor_checkpoint(corpus, capsys):
    assert lab(["evaluate", "./nowhere", "--corpus", str(corpus)]) == 2
    assert "expected a folder or a hub name" in capsys.readouterr().err


def test_a_hub_name_is_read_from_the_local_cache(corpus, checkpoint, tmp_path):
    snapshot = tmp_path / "hub" / "models--someone--tiny-xlmr"
    shutil.copytree(checkpoint[0], snapshot / "snapshots" / "0123abc")
    (snapshot / "refs").mkdir()
    (snapshot / "refs" / "main").write_text("0123abc")
    ran = subprocess.run(
        [sys.executable, "-m", "lab", "evaluate", "someone/tiny-xlmr", "--corpus", str(corpus), "--json"],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["run"] == "someone/tiny-xlmr"
    assert document["retrieval"] == evaluate_checkpoint(str(checkpoint[0]), corpus)["retrieval"]


def sentence_encoder(folder, config=None, **pooling):
    modules = [
        {"type": f"sentence_transformers.models.{kind}", "path": kind} for kind in ("Transformer", *pooling)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps(config or {}))
    for kind, settings in pooling.items():
        (folder / kind).mkdir()
        (folder / kind / "config.json").write_text(json.dumps(settings))


FLAGS = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False}
READINGS = {
    "flags of older files": ({"Pooling": FLAGS, "Normalize": {}}, (12, "mean")),
    "a named mode": ({"Pooling": {"pooling_mode": "cls", "include_prompt": True}}, (12, "first")),
    "fewer layers": ({"config": {"config_args": {"num_hidden_layers": 7}}, "Pooling": FLAGS}, (7, "mean")),
}


@pytest.mark.parametrize("kind", READINGS)
def test_a_sentence_encoder_is_read_as_it_says(tmp_path, kind):
    files, expected = READINGS[kind]
    sentence_encoder(tmp_path, **files)
    assert own_reading(str(tmp_path), 12) == expected


def test_a_plain_encoder_is_read_two_thirds_up(tmp_path):
    assert own_reading(str(tmp_path), 12) == (8, "mean")


@pytest.mark.parametrize(
    ("files", "property_in_words"),
    [
        ({"Pooling": FLAGS, "Dense": {}}, "a module Dense"),
        ({"Pooling": {"pooling_mode": "max"}}, "pooling max"),
        ({"Pooling": FLAGS | {"pooling_mode_cls_token": True}}, "pooling cls_token and mean_tokens"),
        ({}, "pooling without a mode"),
    ],
)
def test_sentence_vectors_that_are_made_otherwise_are_not_guessed_at(tmp_path, files, property_in_words):
    sentence_encoder(tmp_path, **files)
    with pytest.raises(
        InputError,
        match=f"{property_in_words}, which the packed path does not read: name --layer and --pooling",
    ):
        own_reading(str(tmp_path), 12)
    assert (
        other_reading(str(tmp_path), 12, 12, "mean")
        == f"not the checkpoint's own sentence vectors, which have {property_in_words}"
    )


def test_a_reading_that_is_not_the_sentence_encoders_own_is_told_in_the_result(prompted, corpus, capsys):
    matching, deviating = (
        evaluate_checkpoint(str(prompted), corpus, RetrievalProtocol(layer=at)) for at in (2, 1)
    )
    assert (matching["reading"], deviating["reading"]) == (
        "",
        "not the checkpoint's own sentence vectors: layer 2, mean pooling",
    )
    (prompted / "Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "max"}))
    words = ["evaluate", str(prompted), "--corpus", str(corpus), "--layer", "1", "--pooling", "mean"]
    assert lab(words) == 0
    assert "note: this is not the checkpoint's own sentence vectors, which have pooling max" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.skipif(not TATOEBA.is_dir(), reason=f"needs the Tatoeba test set of LASER in {TATOEBA}")
def test_the_tatoeba_test_set_is_one_corpus_with_both_directions_per_language(tmp_path, checkpoint, capsys):
    pairs = {"swh": 390, "deu": 1_000}
    with (tmp_path / "tatoeba.jsonl").open("w", encoding="utf-8") as file:
        for tag in pairs:
            sides = [
                (TATOEBA / f"tatoeba.{tag}-eng.{side}").read_text(encoding="utf-8").splitlines()
                for side in (tag, "eng")
            ]
            for there, english in zip(*sides, strict=True):
                file.write(json.dumps({tag: there, "eng": english}) + "\n")
    folder = tmp_path / "corpus"
    assert lab(["corpus", "import", str(tmp_path / "tatoeba.jsonl"), "--out", str(folder)]) == 0
    capsys.readouterr()
    words = ["evaluate", str(checkpoint[0]), "--corpus", str(folder), "--preset", "tatoeba", "--json"]
    assert lab(words) == 0
    document = json.loads(capsys.readouterr().out)
    sizes = {(row["query"], row["index"]): row["n"] for row in document["retrieval"]}
    # the English sentences of one pair are no candidates for the other
    assert sizes == {("sw", "en"): 390, ("en", "sw"): 390, ("de", "en"): 1_000, ("en", "de"): 1_000}
    assert (document["layer"], document["pooling"]) == (7, "mean")
    assert {mean["query"] for mean in document["means"]} == {"en", "others"}


PROMPTS = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": "query"}


@pytest.fixture
def prompted(tmp_path):
    """A sentence encoder with a default prompt, as sentence-transformers writes one."""
    folder = foreign(tmp_path / "prompted", layers=2, positions=66)[0]
    sentence_encoder(folder, Pooling={"embedding_dimension": 16, "pooling_mode": "mean"})
    modules = json.loads((folder / "modules.json").read_text())
    modules[0] |= {"path": "", "idx": 0, "name": "0"}
    modules[1] |= {"idx": 1, "name": "1"}
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(PROMPTS))
    return folder


def test_the_default_prompt_of_a_checkpoint_is_read_as_sentence_transformers_reads_it(prompted):
    from sentence_transformers import SentenceTransformer

    texts = [text for _, _, text in sentences(8)]
    theirs = SentenceTransformer(str(prompted), device="cpu").encode(texts)
    model, tokenizer = open_foreign(str(prompted))
    prompts = own_prompts(str(prompted))
    assert (prompts.text, prompts.names) == ("query: ", ("query", "passage"))
    layer, pooling = own_reading(str(prompted), 2)
    ours = encode(model, tokenizer, [prompts.text + text for text in texts], [layer], pooling)[layer]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert abs(encode(model, tokenizer, texts, [layer], pooling)[layer] - theirs).max() > 1e-3


def test_an_evaluation_reads_the_default_prompt_and_says_so(prompted, corpus, capsys):
    document = evaluate_checkpoint(str(prompted), corpus)
    assert document["prompt"] == "query: "
    assert "'query: '" in document["prompts"]
    without = evaluate_checkpoint(str(prompted), corpus, RetrievalProtocol(prompt=""))
    assert (without["prompt"], without["prompts"]) == ("", "")
    by_name = evaluate_checkpoint(str(prompted), corpus, RetrievalProtocol(prompt="query: "))
    assert by_name["retrieval"] == document["retrieval"] != without["retrieval"]
    assert lab(["evaluate", str(prompted), "--corpus", str(corpus)]) == 0
    assert "every sentence was read after 'query: ', the default prompt" in capsys.readouterr().out


def test_prompts_without_a_default_are_not_used_and_the_result_says_so(prompted, corpus):
    (prompted / "config_sentence_transformers.json").write_text(json.dumps({"prompts": PROMPTS["prompts"]}))
    document = evaluate_checkpoint(str(prompted), corpus)
    assert document["prompt"] == ""
    assert "query, passage" in document["prompts"]
    assert "none was used" in document["prompts"]


@pytest.mark.skipif(not PROMPT_CASE.is_file(), reason=f"needs the case {PROMPT_CASE}")
def test_the_prompts_that_were_reported_are_read(prompted):
    shutil.copyfile(PROMPT_CASE, prompted / "config_sentence_transformers.json")
    assert own_prompts(str(prompted)).text == "query: "


STRANGE = {
    "modules.json": [
        "{}", "3", '[{"type": 3}]', '[["x"]]', "[" * 100_000, '[{"type": "x.Pooling", "path": "../../etc"}]',
    ],
    "config_sentence_transformers.json": [
        '{"prompts": [1]}', '{"default_prompt_name": "x"}', '{"prompts": {"a": 1}}',
    ],
    "sentence_bert_config.json": [
        "[]", '{"config_args": {"num_hidden_layers": "x"}}', '{"config_args": {"num_hidden_layers": -1}}',
    ],
    "Pooling/config.json": [
        "[]", '{"pooling_mode": 3}', '{"pooling_mode": [[]]}', '{"include_prompt": false, "pooling_mode": "mean"}',
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in STRANGE.items() for text in texts]
)
def test_a_strangers_files_about_sentence_vectors_are_refused_in_one_line(prompted, name, text):
    (prompted / name).write_text(text)
    with pytest.raises(InputError) as caught:
        own_reading(str(prompted), 2)
    assert "\n" not in str(caught.value)
