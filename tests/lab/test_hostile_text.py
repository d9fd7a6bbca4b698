"""Hostile sentences through every command: shown, never interpreted."""

import io
import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from transformers.utils import logging

from lab.cli import console, run
from lab.figures import ablations, ledger, maps
from lab.lessons import open_lesson
from lab.study import tables
from lab.study.statistics import compared
from tests.app.studies import ARMS, curves, units
from tests.hostile import RAW, SENTENCES, hostile_corpus, orders_in_figure
from tests.lab.figures.test_ledger import rows
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
        ("evaluate", "r", "--task", "alignment", "--gold", "GOLD"),
        ("export", "r", "--out", "OUT"),
        ("align", "CORPUS", "--languages", "en", "fr"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_every_command_about_a_run_of_hostile_text_prints_no_order(lab, trained, corpus, tmp_path, words):
    places = {"CORPUS": corpus, "OUT": tmp_path / "exported", "GOLD": hostile_gold(tmp_path)}
    words = [places.get(word, word) for word in words]
    code, _, err = lab(*words)
    assert code == 0, err
    assert (
        lab(*words, *(["--overwrite"] if "OUT" in places and words[0] == "export" else []), "--json")[0] == 0
    )


def hostile_gold(folder):
    """A table of links whose words are hostile sentences without white space."""
    words = ["_".join(sentence.split()) for sentence in SENTENCES]
    lines = [f"{word} x\tx {word}\t0-1\t1-0" for word in words if word]
    path = folder / "en-fr.<b>[red].tsv"
    path.write_text("\n".join(["source\ttarget\tsure\tpossible", *lines]), encoding="utf-8", newline="\n")
    return path


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


@pytest.fixture
def sentences():
    rows = [(at, tag, text) for at, text in enumerate(SENTENCES) for tag in ("ar", "en", "<b>x</b>")]
    return pd.DataFrame(rows, columns=["meaning", "language", "text"])


def test_figures_show_hostile_sentences_and_obey_none(sentences):
    points = np.random.default_rng(0).normal(size=(len(sentences), 3))
    drawn = maps.sentence_map(points[:, :2], sentences, 3.0, ringed=2)
    maps.add_arrivals(drawn, points[: len(SENTENCES), :2], list(SENTENCES))
    assert orders_in_figure(drawn) == []
    assert orders_in_figure(maps.sentence_map(points, sentences, 3.0, colour="meaning")) == []
    # the test can fail: plotly obeys what is not escaped
    assert orders_in_figure(go.Figure(go.Scatter(x=[1], y=[1], text=["<b>bold</b> <i>x</i>"])))
    hover = "".join(text for trace in drawn.data if trace.text is not None for text in trace.text)
    for shown in (
        "this [/b] breaks",
        "&lt;script&gt;",
        "&#36;\\LaTeX&#36;",
        "{format}",
        "%{y}",
        ":smile:",
        "**md**",
    ):
        assert shown in hover, shown


def test_figures_of_a_strangers_study_and_ledger_obey_no_label():
    labels = dict(zip(ARMS, (*SENTENCES[7:9], SENTENCES[12]), strict=True))
    table = compared(units(), "mmlm", labels).assign(title=" ".join(SENTENCES))
    drawn = [
        ablations.arms(table, ["retrieval", "xlco"]),
        ablations.differences(table, ["retrieval"]),
        ablations.layers(table),
        ablations.learning_curves(
            curves().assign(label=" ".join(SENTENCES), title=SENTENCES[8]), "retrieval"
        ),
        ledger.ledger([row | {"words": " ".join(SENTENCES)} for row in rows()]),
        ledger.by_candidates([row | {"words": " ".join(SENTENCES)} for row in rows()]),
    ]
    for figure in drawn:
        assert orders_in_figure(figure) == []


@pytest.fixture
def strange_cells():
    return pd.DataFrame({"arm": list(SENTENCES), "value": [-1.5] * len(SENTENCES), "words": list(SENTENCES)})


def test_a_table_for_a_spreadsheet_holds_no_formula_and_keeps_its_numbers(strange_cells):
    read = pd.read_csv(io.StringIO(tables.csv(strange_cells)), keep_default_na=False)
    assert [text for name in ("arm", "words") for text in read[name] if text[:1] in tuple("=+-@\t\r")] == []
    assert read["value"].tolist() == strange_cells["value"].tolist()
    assert (read["words"].str.removeprefix("'") == strange_cells["words"]).all()


def test_a_table_for_latex_obeys_no_text(strange_cells):
    source = tables.latex(strange_cells[["arm", "words"]], " ".join(SENTENCES))
    assert RAW.search(source) is None
    known = r"textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|usepackage|begin|end|caption"
    known += r"|toprule|midrule|bottomrule|ge"
    commands = set(re.findall(r"\\([a-zA-Z]+)", source))
    assert commands <= set(known.split("|"))
    assert source.count(r"\end{tabular}") == 1
    for line in source.splitlines():
        # a bracket after a line break would be its argument
        assert not line.startswith(("[", "*"))
        assert not re.search(r"(?<!\\)[$#_]", line)


def test_a_table_for_markdown_obeys_no_label(strange_cells):
    source = tables.markdown(strange_cells[["arm"]], " ".join(SENTENCES))
    for order in ("<script", "<img", "![picture]", "**md**", "`md`", "$\\LaTeX"):
        assert order not in source
    assert len(source.splitlines()) == len(SENTENCES) + 4


def test_tables_of_notebooks_show_sentences_as_text(sentences):
    open_lesson("smoke")
    # few enough to be shown whole
    sentences = sentences.drop_duplicates("text")
    for html in (sentences._repr_html_(), sentences.style._repr_html_()):
        assert re.search(r"<(script|img|b|a)\b(?! *scope)", html.replace("<a scope", "")) is None
        assert "&lt;script&gt;" in html
        # MathJax leaves a table with this class alone
        assert "tex2jax_ignore" in html
