"""`lab vocabulary`: runs, folders and files with a tokenizer, what is printed, and mistakes in one line."""

import json

import pytest

from core.text.tokenizer import train_tokenizer
from tests.lab.test_cli import lab, one_line  # noqa: F401
from tests.real_shape import real_shape_corpus


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return real_shape_corpus(tmp_path_factory.mktemp("text") / "real", 0.01)


@pytest.fixture(scope="module")
def tokenizer(text):
    folder = text.folder.parent / "tokenizer"
    folder.mkdir()
    train_tokenizer((row.text for row in text.rows()), 700).save(folder)
    return folder


def test_the_document_has_a_row_of_each_tokenizer_language_and_metric(lab, text, tokenizer):  # noqa: F811
    code, out, err = lab("vocabulary", tokenizer, "--corpus", text.folder, "--json")
    document = json.loads(out)
    assert code == 0, err
    keys = {"tokenizer", "language", "metric", "value", "low", "high", "unit", "n", "across_languages"}
    assert all(set(row) == keys for row in document["rows"])
    assert {row["language"] for row in document["rows"]} == {*text.languages, "worst"}


def test_tables_fit_into_eighty_columns(lab, text, tokenizer, monkeypatch):  # noqa: F811
    monkeypatch.setattr("lab.cli.console.out.width", 80)
    file = tokenizer / "tokenizer.json"
    code, out, _ = lab("vocabulary", tokenizer, file, "--corpus", text.folder, "--meanings", 30)
    assert code == 0
    assert "compares languages" in out
    assert "parity less that with" in out
    assert max(map(len, out.splitlines())) <= 80


def test_of_each_language_at_most_so_many_meanings_are_read(lab, text, tokenizer):  # noqa: F811
    _, out, _ = lab("vocabulary", tokenizer, "--corpus", text.folder, "--meanings", 5, "--json")
    assert json.loads(out)["languages"]["zh"] == 5


def test_a_run_is_measured_on_what_it_holds_out(lab):  # noqa: F811
    from tests.lab.runs import FLAGS

    assert lab("train", "toy", "--name", "r", "--steps", "2", *FLAGS)[0] == 0
    code, out, err = lab("vocabulary", "r", "--json")
    assert code == 0, err
    assert set(json.loads(out)["languages"]) == {"ar", "en", "zh"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected"),
        (("no-such-run",), "expected a run, got 'no-such-run'"),
        (("TOKENIZER",), "is no run, so it holds no text: name some with --corpus"),
        (("TOKENIZER", "--corpus", "TEXT", "--reference", "xx"), "expected --reference to be one of"),
        (("TOKENIZER", "--corpus", "TEXT", "--meanings", "0"), "expected --meanings from 1, got 0"),
        (("TOKENIZER", "--corpus", "TEXT", "--budget", "0"), "expected --budget from 1, got 0"),
        (("TOKENIZER", "TOKENIZER", "--corpus", "TEXT"), "expected different tokenizers"),
        (("TEXT", "--corpus", "TEXT"), "expected tokenizer.json or sentencepiece.bpe.model"),
    ],
)
def test_a_mistake_is_one_line(lab, text, tokenizer, words, message):  # noqa: F811
    places = {"TOKENIZER": str(tokenizer), "TEXT": str(text.folder)}
    code, out, err = lab("vocabulary", *(places.get(word, word) for word in words))
    assert code == 2
    assert out == ""
    assert message in one_line(err)


def test_a_tokenizer_that_loses_text_is_named_with_an_example(lab, text, tmp_path):  # noqa: F811
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    backend = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "lossy.json"))
    code, _, err = lab("vocabulary", tmp_path / "lossy.json", "--corpus", text.folder, "--json")
    assert code == 0
    assert "loses text in" in err
    assert "100.0% of its sentences do not come back" in err


def test_a_vocabulary_is_allocated_and_measured(lab, text, tmp_path):  # noqa: F811
    folder = tmp_path / "made"
    words = ("vocabulary", "--allocate", "--corpus", text.folder, "--size", 1200, "--sizes", 10)
    code, out, err = lab(*words, "--out", folder, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert set(document["allocation"]) == set(text.languages)
    assert document["vocabulary"] <= 1200 + 256
    assert json.loads((folder / "allocation.json").read_text())["allocation"] == document["allocation"]
    assert lab("vocabulary", folder, "--corpus", text.folder, "--json")[0] == 0
    # what is there is not overwritten
    code, _, err = lab(*words, "--out", folder)
    assert code == 2
    assert "exists already: choose another folder or add --overwrite" in one_line(err)


def test_tables_of_an_allocation_name_every_language_and_what_was_infeasible(lab, text, tmp_path):  # noqa: F811
    words = ("vocabulary", "--allocate", "--corpus", text.folder, "--size", 1200, "--sizes", 10)
    code, out, _ = lab(*words, "--out", tmp_path / "made")
    assert code == 0
    assert all(f"\n{tag} " in out for tag in text.languages)
    assert "de: no vocabulary of" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "60"), "the smallest vocabularies of 12 languages have"),
        (("--size", "3"), "--size"),
        (("--processes", "0"), "expected --processes from 1, got 0"),
        (("--allocation", "fair"), "fair"),
        (("--beta", "-1"), "beta"),
    ],
)
def test_a_mistake_in_an_allocation_is_one_line_and_leaves_nothing(lab, text, tmp_path, words, message):  # noqa: F811
    folder = tmp_path / "made"
    code, _, err = lab("vocabulary", "--allocate", "--corpus", text.folder, "--out", folder, *words)
    assert code == 2
    assert message in one_line(err)
    assert not folder.exists()


@pytest.mark.parametrize("allocation", ["vocap", "equal", "joint"])
def test_a_run_trains_with_an_allocated_vocabulary(lab, allocation):  # noqa: F811
    from lab import store
    from tests.lab.runs import FLAGS

    flags = ["--tokenizer.allocation", allocation, "--tokenizer.algorithm", "unigram"]
    code, out, err = lab("train", "toy", "--name", "r", "--steps", 2, *FLAGS, *flags, "--json")
    assert code == 0, err
    assert json.loads(out)["steps"] == 2
    assert store.open_run("r").info.settings.tokenizer.allocation == allocation


def test_a_run_with_sampled_targets_records_the_share_and_its_ledger_reads_the_whole_softmax(lab):  # noqa: F811
    from lab import store
    from lab.evaluate.ledger.loaded_run import load_run
    from lab.evaluate.ledger.masked import masked_reading
    from tests.lab.runs import FLAGS

    flags = ["--mmlm.targets", "knn", "--mmlm.neighbours", 3, "--mmlm.refresh", 2]
    flags += ["--tlm.no-enabled", "--contrast.no-enabled"]
    assert lab("train", "toy", "--name", "r", "--steps", 4, *FLAGS, *flags)[0] == 0
    steps = store.open_run("r").steps()
    shares = steps[steps["step"] > 0]["shares.mmlm"]
    assert ((shares > 0) & (shares < 1)).all()
    loaded = load_run(store.open_run("r"))
    sampled = masked_reading(loaded, "mmlm", 10).mean
    loaded.model.tasks["mmlm"].neighbours = None
    loaded.readings.clear()
    assert masked_reading(loaded, "mmlm", 10).mean == sampled
