"""Encoders of every architecture, read as transformers and sentence-transformers read them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import PreTrainedTokenizerFast

from core.errors import InputError
from core.text.corpus import write_corpus
from lab.cli import run as lab
from lab.evaluate.encoders import PackedEncoder, open_encoder
from lab.evaluate.run import RetrievalProtocol, evaluate_checkpoint
from tests.core.checkpoints import SPECIAL, tiny_tokenizer
from tests.core.text.conftest import sentences

WIDTH = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 3}
TEXTS = [text for _, _, text in sentences(12)]
ARCHITECTURES = {
    "BertModel": transformers.BertConfig(**WIDTH, max_position_embeddings=40),
    "DistilBertModel": transformers.DistilBertConfig(dim=16, n_heads=2, hidden_dim=32, n_layers=3),
    "RobertaModel": transformers.RobertaConfig(**WIDTH, max_position_embeddings=42, pad_token_id=1),
    "ModernBertModel": transformers.ModernBertConfig(**WIDTH, pad_token_id=1, global_attn_every_n_layers=2),
    "DebertaV2Model": transformers.DebertaV2Config(**WIDTH, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "T5EncoderModel": transformers.T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=3, num_heads=2),
    "Qwen2ForCausalLM": transformers.Qwen2Config(**WIDTH, num_key_value_heads=2),
}  # fmt: skip


def checkpoint(folder: Path, name: str) -> Path:
    """A folder as transformers saves it: random weights, and more embeddings than tokens, as in published models."""
    tokenizer, config = tiny_tokenizer(), ARCHITECTURES[name]
    config.vocab_size = tokenizer.size + 7
    torch.manual_seed(0)
    getattr(transformers, name)(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend, model_max_length=32, **SPECIAL
    ).save_pretrained(folder)
    return folder


def by_hand(folder: Path, layer: int, pooling: str) -> np.ndarray:
    """Sentence vectors by transformers, one sentence at a time."""
    kind = (
        transformers.T5EncoderModel
        if "t5" in (folder / "config.json").read_text()
        else transformers.AutoModel
    )
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text, truncation=True, max_length=32)["input_ids"]])
        with torch.no_grad():
            output = model(ids, output_hidden_states=True)
        last = layer == len(output.hidden_states) - 1
        state = output.last_hidden_state[0] if last else output.hidden_states[layer][0]
        rows.append({"mean": state.mean(0), "first": state[0], "last": state[-1]}[pooling])
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_read_as_transformers_reads_it(tmp_path, name):
    folder = checkpoint(tmp_path, name)
    opened = open_encoder(str(folder))
    assert opened.encoder.num_layers == 3
    assert (opened.layer, opened.pooling) == ((3, "last") if name.startswith("Qwen") else (2, "mean"))
    for pooling in ("mean", "first", "last"):
        vectors = opened.encoder.vectors(TEXTS, [0, 2, 3], pooling)
        for layer, values in vectors.items():
            np.testing.assert_allclose(values, by_hand(folder, layer, pooling), atol=2e-6, rtol=1e-5)


MODULES = {
    "cls": lambda: [Pooling(16, "cls"), Normalize()],
    "max and mean": lambda: [Pooling(16, ["max", "mean"])],
    "last token": lambda: [Pooling(16, "lasttoken")],
    "weighted mean": lambda: [Pooling(16, "weightedmean")],
    "mean by root of length": lambda: [Pooling(16, "mean_sqrt_len_tokens")],
    "dense": lambda: [Pooling(16, "mean"), Dense(16, 8, activation_function=torch.nn.Tanh()), Normalize()],
    "prompt outside": lambda: [Pooling(16, "mean", include_prompt=False)],
}


@pytest.fixture
def sentence_encoder(tmp_path):
    def write(modules, name="BertModel", **prompts) -> Path:
        folder = checkpoint(tmp_path / "plain", name)
        library = SentenceTransformer(modules=[Transformer(str(folder)), *modules], device="cpu", **prompts)
        library.save(str(tmp_path / "saved"))
        return tmp_path / "saved"

    return write


@pytest.mark.parametrize("name", MODULES)
def test_a_sentence_encoder_is_read_by_its_own_modules(sentence_encoder, name):
    prompts = {"prompts": {"query": "two: "}, "default_prompt_name": "query"}
    folder = sentence_encoder(MODULES[name](), **prompts)
    opened = open_encoder(str(folder))
    assert (opened.layer, opened.pooling) == (3, "own")
    vectors = opened.encoder.vectors(TEXTS, [3], "own", "two: ")[3]
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(vectors, theirs, atol=1e-6)
    with pytest.raises(InputError, match="read hidden state 3, got --layer 1"):
        opened.encoder.vectors(TEXTS, [1], "own")


def test_xlmr_goes_the_packed_path_unless_its_modules_are_the_librarys(tmp_path):
    from tests.core.checkpoints import foreign

    folder = str(foreign(tmp_path / "xlmr", layers=2)[0])
    packed, library = open_encoder(folder), open_encoder(folder, pooling="last")
    assert isinstance(packed.encoder, PackedEncoder)
    assert not isinstance(library.encoder, PackedEncoder)
    for layer, values in packed.encoder.vectors(TEXTS, [0, 1, 2], "mean").items():
        np.testing.assert_allclose(library.encoder.vectors(TEXTS, [layer], "mean")[layer], values, atol=1e-5)
    saved = tmp_path / "saved"
    modules = [Transformer(folder), Pooling(16, "max")]
    SentenceTransformer(modules=modules, device="cpu").save(str(saved))
    assert open_encoder(str(saved)).pooling == "own"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(sentences(40, seed=9), tmp_path_factory.mktemp("corpus") / "c").folder


def test_the_evaluation_of_an_encoder_says_how_it_was_read(sentence_encoder, corpus, capsys):
    folder = sentence_encoder(MODULES["dense"]())
    document = evaluate_checkpoint(str(folder), corpus)
    assert (document["layer"], document["pooling"], document["reading"]) == (3, "own", "")
    deviating = evaluate_checkpoint(str(folder), corpus, RetrievalProtocol(layer=1))
    assert (deviating["layer"], deviating["pooling"]) == (1, "mean")
    assert "not the checkpoint's own sentence vectors" in deviating["reading"]
    assert lab(["evaluate", str(folder), "--corpus", str(corpus), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean_accuracy"] == document["mean_accuracy"]


DENSE = "encoder.layer.1.output.dense.weight"


def rewritten(folder: Path, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def pickled_dense(folder: Path) -> None:
    dense = next(folder.glob("*_Dense"))
    (dense / "model.safetensors").rename(dense / "pytorch_model.bin")


def custom_module(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "modeling_mine.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))


def custom_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "modeling_mine.py").write_text("raise SystemExit('run')")
    auto_map = {"AutoConfig": "modeling_mine.Config", "AutoModel": "modeling_mine.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mine", "auto_map": auto_map}))


def without_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


STRANGE = {
    "weights of another architecture": (lambda f: rewritten(f, lambda w: w.pop(DENSE)), "another architecture"),
    "weights that are not finite": (lambda f: rewritten(f, lambda w: w[DENSE].fill_(np.nan)), "zero or not finite"),
    "pickled weights": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "never read"),
    "pickled weights of a module": (pickled_dense, "never read"),
    "a module of its own": (custom_module, "cannot be opened"),
    "code of its own": (custom_code, "cannot be opened"),
    "no tokenizer": (without_tokenizer, "expected a tokenizer"),
    "damaged config": (lambda f: (f / "config.json").write_text("[]"), "expected a JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STRANGE)
def test_a_checkpoint_that_cannot_be_read_is_refused_in_one_line(sentence_encoder, corpus, capsys, fault):
    folder = sentence_encoder(MODULES["dense"]())
    change, message = STRANGE[fault]
    change(folder)
    assert lab(["evaluate", str(folder), "--corpus", str(corpus)]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert "Traceback" not in said
