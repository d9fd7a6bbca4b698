"""What a run says of its text: kept, warned of, and compared when it is resumed."""

import json
import unicodedata

import numpy as np
import pytest

from core.errors import InputError
from core.text.corpus import write_corpus
from core.text.split import digest_of
from lab import store
from lab.cli import run as call
from lab.starting import reopen_run, start_run
from lab.text_summary import LanguageAmount, PairAmount, TextSummary
from lab.training import run_training
from tests.lab.runs import tiny
from tests.real_shape import real_shape_corpus

REAL = {"tokenizer": {"vocabulary": 2_000}, "text": {"held_out": 100}, "steps": 4}


def shown(capsys, name="r"):
    capsys.readouterr()
    assert call(["show", name, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def real(tmp_path):
    return real_shape_corpus(tmp_path / "c", scale=0.01)


def test_a_run_shows_what_it_trains_on_and_what_it_holds_out(real, capsys):
    run, corpus = start_run("r", tiny(**REAL), real.folder)
    warnings = []
    run_training(run, corpus, lambda report: warnings.append(report.warning) if report.warning else None)
    document, held_out = shown(capsys), run.held_out()

    assert set(document["text"]) == set(corpus.languages)
    for tag, amount in document["text"].items():
        assert amount["train"] + amount["held_out"] == corpus.info.languages[tag]
        # one sentence per meaning and language is measured on
        assert amount["held_out"] >= (held_out["language"] == tag).sum()
        assert 5 * amount["held_out"] <= corpus.info.languages[tag]
    pairs = {(pair["source"], pair["target"]): pair for pair in document["pairs"]}
    assert len(pairs) == 10
    assert all("en" in pair for pair in pairs)
    assert document["digest"] == digest_of(np.unique(held_out["meaning"]))
    assert document["cut"] == 0
    assert document["merged"] > 0
    (line,) = warnings
    assert document["warnings"] == warnings
    assert "de 3 + 0" in line
    assert "10 of 12 languages and 9 of 10 pairs have fewer than 100" in line
    assert call(["show", "r"]) == 0
    assert "de 3 + 0" in capsys.readouterr().out


def test_no_held_out_text_is_trained_on_in_a_run(real):
    run, corpus = start_run("r", tiny(**REAL), real.folder)
    run_training(run, corpus)
    held_out = set(run.held_out()["meaning"])
    texts = [
        {unicodedata.normalize("NFC", row.text) for row in corpus.rows() if (row.meaning in held_out) == side}
        for side in (True, False)
    ]
    assert texts[0]
    assert not texts[0] & texts[1]


def test_sentences_that_are_cut_are_counted_and_told_at_the_start(tmp_path, capsys):
    words = " ".join(f"word{number % 7}" for number in range(240))
    rows = [
        (number, tag, f"{words} {tag}{number}" if number % 4 else f"short {tag} {number}")
        for number in range(80)
        for tag in ("en", "fr")
    ]
    write_corpus(rows, tmp_path / "c")
    flags = [
        "--steps",
        "2",
        "--optimizer.warmup",
        "1",
        "--tokenizer.vocabulary",
        "120",
        "--model.layers",
        "1",
        "--contrast.layer",
        "1",
    ]
    assert call(["train", "toy", "--corpus", str(tmp_path / "c"), "--name", "r", *flags]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    # a quarter is short; nothing is left out of one line that says how to read them whole
    assert any(
        line.startswith("note: 75.00% of the sentences have more than 64 tokens")
        and line.endswith("raise --model.max-tokens to read them whole")
        for line in notes
    )
    document = shown(capsys)
    assert document["cut"] == 0.75
    assert [amount["cut"] for amount in document["text"].values()] == [0.75, 0.75]


def test_a_run_is_not_resumed_with_other_text_held_out(real):
    run, corpus = start_run("r", tiny(**REAL), real.folder)
    run_training(run, corpus, lambda report: run.send_request("stop") if report.record else None)
    document = run.document("text")
    run.write_document("text", {**document, "digest": digest_of(np.arange(3))})
    with pytest.raises(InputError, match=r"run r has held out other sentences.*version.*start a new run"):
        run_training(*reopen_run("r"))
    assert run.status.state == "failed"
    run.write_document("text", document)
    assert run_training(*reopen_run("r")).status.state == "finished"


def test_a_run_of_a_version_that_kept_no_digest_is_compared_by_its_sentences(real):
    run, corpus = start_run("r", tiny(**REAL), real.folder)
    run_training(run, corpus, lambda report: run.send_request("stop") if report.record else None)
    (run.folder / "text.json").unlink()
    held_out = run.held_out()
    run.write_held_out(held_out[held_out["meaning"] != held_out["meaning"].iloc[0]])
    with pytest.raises(InputError, match="has held out other sentences"):
        run_training(*reopen_run("r"))
    run.write_held_out(held_out)
    assert run_training(*reopen_run("r")).status.state == "finished"


def test_a_damaged_summary_is_told(real, capsys):
    run, _ = start_run("r", tiny(**REAL), real.folder)
    run.write_document("text", {"text": 3})
    assert call(["show", "r"]) == 2
    assert "text.json of run r is damaged: delete it" in capsys.readouterr().err


def test_too_few_meanings_are_refused_before_a_run_is_made(tmp_path, capsys):
    write_corpus([(i, tag, f"{tag} {i}") for i in range(6) for tag in ("de", "en", "fr")], tmp_path / "c")
    assert call(["train", "toy", "--corpus", str(tmp_path / "c"), "--name", "r"]) == 2
    message = capsys.readouterr().err
    assert "too few meanings: 1 held out, 2 needed" in message
    assert len(message.strip().splitlines()) == 1
    assert not store.list_runs()


def test_hundreds_of_languages_are_warned_of_in_one_line():
    amounts = {f"l{number:03}": LanguageAmount(train=number, held_out=0, cut=0.0) for number in range(400)}
    pairs = [PairAmount(source="en", target=tag, train=1_000, held_out=3) for tag in amounts]
    summary = TextSummary(text=amounts, pairs=pairs, cut=0.0, max_tokens=64, merged=0, digest="")
    (line,) = summary.warnings
    assert "\n" not in line
    assert line.startswith("400 of 400 languages and 0 of 400 pairs")
    assert line.endswith("l000 0 + 0, l001 1 + 0, l002 2 + 0, l003 3 + 0, l004 4 + 0")


def test_enough_text_is_not_warned_of():
    enough = LanguageAmount(train=100, held_out=1, cut=0.0)
    pair = PairAmount(source="en", target="fr", train=100, held_out=1)
    summary = TextSummary(
        text={"en": enough, "fr": enough}, pairs=[pair], cut=0.0, max_tokens=64, merged=0, digest=""
    )
    assert not summary.warnings


def test_what_the_lab_advises_for_text_without_translations_trains(tmp_path, capsys):
    rows = [(2 * i + shift, tag, f"{tag} {i}") for i in range(60) for shift, tag in enumerate(("en", "fr"))]
    write_corpus(rows, tmp_path / "c")
    flags = ["--corpus", str(tmp_path / "c"), "--steps", "4", "--optimizer.warmup", "1"]
    flags += ["--tokenizer.vocabulary", "120", "--name", "r"]
    assert call(["train", "toy", *flags]) == 2
    message = capsys.readouterr().err
    advice = ["--tlm.no-enabled", "--contrast.no-enabled"]
    assert " ".join(advice) in message
    assert call(["train", "toy", *flags[:-1], "alone", *advice]) == 0
    document = shown(capsys, "alone")
    assert document["text"]["fr"]["train"] == 48
    assert document["pairs"] == []
