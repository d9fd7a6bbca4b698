"""Checkpoint folders that claim what is not there, or are something else: one line each, before anything is loaded."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file

from core.checkpoint import open_foreign
from core.errors import InputError
from core.model.pretrained import open_language_model
from tests.core.checkpoints import foreign
from tests.core.text.conftest import sentences

CASES = Path(__file__).parents[4] / "shared" / "cases"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return foreign(tmp_path_factory.mktemp("whole") / "xlmr", layers=3)[0]


@pytest.fixture
def folder(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "xlmr"))


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_foreign(str(folder))
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def change(folder: Path, **fields) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


CONFIGS = {
    "an unknown activation": ({"hidden_act": "evil"}, "hidden_act 'evil' is not known"),
    "a word for a number": ({"num_hidden_layers": "x"}, "num_hidden_layers is 'x'"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    "negative layers": ({"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    "half a layer": ({"num_hidden_layers": 2.5}, "num_hidden_layers is 2.5"),
    "a layer too few": ({"num_hidden_layers": 2}, "2 layers, its weights 3"),
    "a layer too many": ({"num_hidden_layers": 4}, r"encoder.layer.3.* is missing"),
    "a million million layers": ({"num_hidden_layers": 10**12}, r"encoder.layer.3.* is missing"),
    "heads that do not divide": ({"num_attention_heads": 3}, "3 num_attention_heads do not divide hidden_size 16"),
    "a giant vocabulary": ({"vocab_size": 10**12}, r"should be \[1000000000000, 16\]"),
    "a giant width": ({"hidden_size": 2**40}, "hidden_size|should be"),
    "giant positions": ({"max_position_embeddings": 10**12}, "position_embeddings"),
    "giant token types": ({"type_vocab_size": 10**12}, "token_type_embeddings"),
    "a giant feed-forward": ({"intermediate_size": 10**12}, "intermediate"),
    "too few positions": ({"max_position_embeddings": 3}, "max_position_embeddings is 3"),
    "a norm that is not a number": ({"layer_norm_eps": math.nan}, "layer_norm_eps"),
    "quantised weights": ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
    "a nested value": ({"vocab_size": {"a": []}}, "vocab_size"),
    "another architecture": ({"model_type": ["x"]}, "model_type"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_that_does_not_describe_the_weights_is_refused_in_one_line(folder, kind):
    fields, message = CONFIGS[kind]
    change(folder, **fields)
    with pytest.raises(InputError, match=message):
        open_foreign(str(folder))
    refused(folder)


@pytest.mark.parametrize(
    "fields", [{"auto_map": {"AutoModel": "evil.py--Evil"}}, {"transformers_weights": "../x"}]
)
def test_fields_that_name_code_or_other_files_are_not_read(folder, fields):
    plain = open_foreign(str(folder))[0].state_dict()
    change(folder, **fields)
    named = open_foreign(str(folder))[0].state_dict()
    assert plain.keys() == named.keys()
    assert all(torch.equal(plain[name], named[name]) for name in plain)


@pytest.mark.parametrize("text", ["[]", "3", "[" * 100_000, '{"model_type": "xlm-roberta"}', "\udcff"])
def test_a_config_that_is_no_xlm_r_config_is_refused_in_one_line(folder, text):
    (folder / "config.json").write_text(text, errors="surrogateescape")
    assert "config.json" in refused(folder)


def test_weights_of_whole_numbers_are_quantised_and_refused(folder):
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("query.weight"))
    save_file(weights | {name: weights[name].to(torch.int8)}, folder / "model.safetensors")
    assert "quantised" in refused(folder)


def test_weights_in_pieces_are_opened_and_a_piece_outside_the_folder_is_not(folder, tmp_path):
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name, weight in open_language_model(str(folder)).roberta.state_dict().items():
        torch.testing.assert_close(weight, weights[f"roberta.{name}"], atol=0, rtol=0)
    for outside in ("../b.safetensors", str(tmp_path / "b.safetensors")):
        index["weight_map"][names[0]] = outside
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        assert "inside the checkpoint" in refused(folder)


def test_a_missing_piece_is_named(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "a.safetensors"}}))
    assert "a.safetensors is missing" in refused(folder)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234\n"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_pointer_of_git_lfs_says_how_to_get_the_file(folder, name):
    (folder / name).write_text(POINTER)
    assert "git lfs pull" in refused(folder)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the cases in {CASES}")
def test_the_pointer_that_was_reported_says_how_to_get_the_file(folder):
    shutil.copyfile(CASES / "31-lfs-safetensors" / "model.safetensors", folder / "model.safetensors")
    assert "git lfs pull" in refused(folder)


def test_ids_beyond_the_embeddings_are_refused_although_the_tokens_are_few(folder):
    path = folder / "tokenizer.json"
    definition = json.loads(path.read_text())
    token = next(token for token, index in definition["model"]["vocab"].items() if index == 40)
    definition["model"]["vocab"][token] = 10**6
    path.write_text(json.dumps(definition))
    assert "1,000,001" in refused(folder)


OTHERS = {
    "an adapter": (["adapter_config.json", "adapter_model.safetensors"], "merge_and_unload"),
    "fairseq": (["model.pt", "dict.txt"], "fairseq"),
    "the hub's cache": (["models--FacebookAI--xlm-roberta-base/refs/main"], "the hub's cache: give the name"),
    "one place in the hub's cache": (["refs/main", "snapshots/0a1b/config.json"], "folder under snapshots"),
    "a run": (["run.json", "checkpoint/config.json"], "the folder of a run"),
    "GGUF": (["model.gguf"], "GGUF"),
    "ONNX": (["model.onnx"], "ONNX"),
    "something else": (["notes.txt"], "holds only notes.txt"),
    "a folder above": (["0_Transformer/config.json"], "give that folder"),
    "nothing": ([], "is an empty folder"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_folder_that_is_no_checkpoint_says_what_it_is_and_what_to_do(tmp_path, kind):
    names, message = OTHERS[kind]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert message in refused(tmp_path)


def test_pickled_weights_beside_a_config_say_how_to_convert_them(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pickled weights, which are never read" in refused(folder)


def test_an_adapter_beside_weights_is_refused_because_its_base_could_be_fetched(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/model"}')
    assert "adapter" in refused(folder)


def test_no_tokenizer_says_what_to_put_there(folder):
    (folder / "tokenizer.json").unlink()
    assert "put the tokenizer of its base model there" in refused(folder)


QUIET = """
import sys
def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise SystemExit(f"asked the network: {event} {arguments}")
sys.addaudithook(listen)
from core.checkpoint import open_foreign
open_foreign(sys.argv[1])
"""


@pytest.mark.parametrize("kind", ["tokenizer.json", "sentencepiece"])
def test_a_folder_is_opened_without_asking_the_network(folder, kind):
    if kind == "sentencepiece":
        (folder / "tokenizer.json").unlink()
        texts = [text for _, _, text in sentences(300)]
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_prefix=str(folder / "sentencepiece.bpe"),
            vocab_size=70,
            minloglevel=2,
        )
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, str(folder)], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
