"""A run that is moved or copied goes on, and what it was begun with may be gone by then."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModel

from core.errors import InputError
from lab import store
from lab.bundle import bundle
from lab.evaluate.run import evaluate_run
from lab.starting import reopen_run, resolved, settings_difference, start_run
from lab.training import run_training
from tests.lab.runs import tiny, trained_run
from tests.real_shape import real_shape_corpus

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]
VOCABULARY = {"vocabulary": 2_000}


def stop_at(step: int, run: store.Run):
    return lambda report: run.send_request("stop") if report.record and report.done == step else None


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project folder: text, a checkpoint to start from, a tokenizer, and two runs: one whole, one stopped at step 6.

    Both were begun with paths relative to the project.
    """
    top = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("PARALLAX_RUNS", "runs")
        real_shape_corpus(top / "corpora" / "mine", 0.02)
        corpus = Path("corpora") / "mine"
        begun = trained_run("base", corpus, steps=4, tokenizer=VOCABULARY)
        bundle(begun, Path("exports") / "base")
        settings = tiny(
            tokenizer={**VOCABULARY, "folder": Path("exports") / "base"}, model={"start": "exports/base"}
        )
        run_training(*start_run("whole", settings, corpus))
        run, text = start_run("r", settings, corpus)
        run_training(run, text, stop_at(6, run))
    return top


@pytest.fixture
def moved(project, tmp_path, monkeypatch):
    """A copy of its runs on another machine: neither text nor the checkpoint they started from is there."""
    shutil.copytree(project / "runs", tmp_path / "elsewhere", symlinks=True)
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "elsewhere"))
    (project / "corpora").rename(project / "corpora-gone")
    (project / "exports").rename(project / "exports-gone")
    shutil.copytree(project / "corpora-gone" / "mine", tmp_path / "text")
    yield tmp_path
    (project / "corpora-gone").rename(project / "corpora")
    (project / "exports-gone").rename(project / "exports")


def test_paths_are_made_absolute_when_a_run_begins(project, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(project / "runs"))
    settings = store.open_run("r").info.settings
    assert settings.model.start == str(project / "exports" / "base")
    assert settings.tokenizer.folder == project / "exports" / "base"
    assert store.open_run("r").info.corpus == str(project / "corpora" / "mine")
    monkeypatch.chdir(project)
    requested = tiny(
        tokenizer={**VOCABULARY, "folder": Path("exports/base")}, model={"start": "exports/base"}
    )
    assert settings_difference(requested, settings) is None


def test_a_name_on_the_hub_is_no_path():
    settings = tiny(model={"start": "FacebookAI/xlm-roberta-base"})
    assert resolved(settings) == settings


def test_a_moved_run_evaluates_exports_and_opens_for_others(moved):
    run = store.open_run("whole")
    before = run.scores()
    evaluate_run(run)
    assert run.scores().equals(before)
    written = bundle(run, moved / "bundle")
    assert written["step"] == 12
    encoder = AutoModel.from_pretrained(run.folder / "checkpoint")
    assert encoder.config.num_hidden_layers == 1


def test_a_moved_run_goes_on_with_text_that_is_known_by_its_content_to_the_same_numbers(moved):
    with pytest.raises(InputError, match="name its folder with --corpus"):
        reopen_run("r")
    assert store.open_run("r").status.state == "stopped"
    run_training(*reopen_run("r", moved / "text"))
    run = store.open_run("r")
    assert run.status.state == "finished"
    assert run.steps()[LOSSES].equals(store.open_run("whole").steps()[LOSSES])
    np.testing.assert_array_equal(run.snapshot(12)[1], store.open_run("whole").snapshot(12)[1])
    # where the text lies now is remembered
    assert run.info.corpus == str((moved / "text").resolve())


def test_a_moved_run_does_not_go_on_with_other_text_and_stays_as_it_was(moved):
    real_shape_corpus(moved / "other", 0.02, seed=1)
    before = (moved / "elsewhere" / "r" / "status.json").read_bytes()
    with pytest.raises(InputError, match="begun on other text"):
        reopen_run("r", moved / "other")
    assert (moved / "elsewhere" / "r" / "status.json").read_bytes() == before
    store.open_run("r").claim()


def test_a_run_folder_may_be_read_only_for_those_who_look(moved):
    run = store.open_run("whole")
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    _ = run.info, run.status, run.steps(), run.scores(), run.snapshots(), run.held_out(), run.sentences()
    assert json.loads((run.checkpoint() / "state.json").read_bytes())["step"] == 12
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
