"""Hostile sentences through every command: shown, never interpreted."""

import json

import pytest
from transformers.utils import logging

from lab.cli import console, run
from tests.hostile import RAW, SENTENCES, hostile_corpus
from tests.lab.runs import MODEL_FLAGS

pytestmark = pytest.mark.usefixtures("wide")
FLAGS = [*MODEL_FLAGS, "--steps", "5", "--text.held-out", "20", "--tokenizer.vocabulary", "300"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs and corpora of this file, trained once."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture
def wide(monkeypatch):
    # a wide terminal breaks no line, so that a sentence is found whole; a console may have read its width before
    for each in (console.out, console.err, console.errors):
        monkeypatch.setattr(each, "width", 400)
    # as `python -m lab` does; the bars of transformers return the carriage
    logging.disable_progress_bar()


@pytest.fixture
def lab(capsys, monkeypatch, folder):
    monkeypatch.setenv("PARALLAX_RUNS", str(folder / "runs"))

    def call(*words):
        code = run([str(word) for word in words])
        printed = capsys.readouterr()
        for text in printed:
            assert RAW.search(text) is None, (words, text)
        assert code != 1, printed.err
        return code, printed.out, printed.err

    return call


@pytest.fixture
def corpus(folder):
    if not (folder / "corpus").is_dir():
        hostile_corpus(folder / "corpus")
    return folder / "corpus"


@pytest.fixture
def trained(lab, corpus):
    if lab("show", "r")[0]:
        assert lab("train", "toy", "--name", "r", "--corpus", corpus, *FLAGS)[0] == 0
    return "r"


def test_a_corpus_of_hostile_sentences_is_shown_as_it_is(lab, corpus):
    code, out, _ = lab("corpus", "show", corpus, "--sentences", 60)
    assert code == 0
    for sentence in SENTENCES:
        if not RAW.search(sentence):
            assert sentence in out
    assert r"title \x1b]0;pwned\x07 clear \x1b[2J" in out
    assert r"right \u202eto left\u202c and \u2066isolated" in out


def test_json_gives_the_sentences_back_letter_by_letter(lab, corpus):
    document = json.loads(lab("corpus", "show", corpus, "--sentences", 46, "--json")[1])
    texts = [row["text"] for row in document["first"] if row["language"] == "en"]
    assert texts == [f"{sentence} {number}" for number, sentence in enumerate(SENTENCES)]


def test_bad_lines_are_listed_without_obeying_them(lab, tmp_path):
    lines = [json.dumps({"en": sentence + " " + "x" * 5_000, "fr": sentence}) for sentence in SENTENCES]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    code, _, err = lab("corpus", "import", tmp_path / "t.jsonl", "--out", tmp_path / "c")
    assert code == 2
    assert "over-long" in err


def test_rejected_lines_are_no_formulas_for_a_spreadsheet(lab, tmp_path):
    lines = [json.dumps({"en": sentence + " " + "x" * 5_000, "fr": sentence}) for sentence in SENTENCES]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    assert lab("corpus", "import", tmp_path / "t.jsonl", "--out", tmp_path / "c", "--skip-bad")[0] == 0
    cells = [
        cell.strip('"')
        for line in (tmp_path / "c" / "rejected.tsv").read_text(encoding="utf-8").split("\n")
        for cell in line.split("\t")
    ]
    assert len(cells) > len(SENTENCES)
    assert [cell for cell in cells if cell[:1] in tuple("=+-@")] == []


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "r"),
        ("evaluate", "r"),
        ("evaluate", "r", "--corpus", "CORPUS"),
        ("information", "r", "--sentences", "20", "--truth-sentences", "20", "--candidates", "4"),
        ("export", "r", "--out", "OUT"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_every_command_about_a_run_of_hostile_text_prints_no_order(lab, trained, corpus, tmp_path, words):
    places = {"CORPUS": corpus, "OUT": tmp_path / "exported"}
    words = [places.get(word, word) for word in words]
    code, _, err = lab(*words)
    assert code == 0, err
    assert (
        lab(*words, *(["--overwrite"] if "OUT" in places and words[0] == "export" else []), "--json")[0] == 0
    )


def test_wrong_matches_are_shown_as_they_are(lab, trained):
    document = json.loads(lab("evaluate", trained, "--json")[1])
    assert document["errors"]
    out = lab("evaluate", trained)[1]
    for wrong in document["errors"]:
        if not RAW.search(wrong["query"]):
            assert wrong["query"] in out


@pytest.mark.parametrize("sentence", SENTENCES, ids=range(len(SENTENCES)))
def test_a_mistake_that_repeats_hostile_words_is_still_one_line(lab, sentence):
    name = sentence.replace("/", "")
    for words in (["evaluate", name], ["train", name], ["corpus", "show", name], [name]):
        code, _, err = lab(*words)
        assert code == 2
        assert "Traceback" not in err
        assert len(err.strip().splitlines()) <= 2
