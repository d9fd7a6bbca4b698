"""One door for the text of a run: whoever reads it gets the text that the run was begun on, or a refusal."""

import itertools
import shutil

import pytest

from core.errors import InputError
from core.text.corpus import open_corpus, write_corpus
from lab import store
from lab.evaluate.classification import labelled
from lab.evaluate.ledger.loaded_run import load_run
from lab.starting import reopen_run, start_run
from lab.study.cells import Cell, run_cell
from lab.study.scales import scale_named
from lab.text import corpus_of
from lab.training import run_training
from tests.lab.runs import tiny
from tests.real_shape import real_shape_corpus

SETTINGS = tiny(steps=2, tokenizer={"vocabulary": 2_000}, measure={"checkpoint_every": 2})


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with a corpus in the shape of real text and the folder of runs with a run that trained on it."""
    top = tmp_path_factory.mktemp("project")
    real_shape_corpus(top / "corpora" / "mine", 0.02)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(top / "runs"))
        run_training(*start_run("r", SETTINGS, top / "corpora" / "mine"))
    return top


@pytest.fixture
def project(begun, tmp_path, monkeypatch):
    """A copy of it somewhere else, as if the project had moved."""
    shutil.copytree(begun, tmp_path / "moved", symlinks=True)
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path / "moved" / "runs"))
    return tmp_path / "moved"


def import_again(folder, skip):
    """Writes a corpus again without its first `skip` rows."""
    rows = list(open_corpus(folder).rows())
    write_corpus(itertools.islice(rows, skip, None), folder, source="invented", overwrite=True)


def resume():
    return reopen_run("r")


def measure_the_ledger():
    return load_run(store.open_run("r"))


def learn_labels():
    return labelled(store.open_run("r"), "en")


def go_on_with_a_study():
    run = store.open_run("r")
    protocol = scale_named("smoke").protocol
    corpus = store.runs_folder().parent / "corpora" / "mine"
    cell = Cell(name="r", arm="a", seed=1, settings=SETTINGS, base=SETTINGS, protocol=protocol, corpus=corpus)
    assert run.folder == cell.run.folder
    return run_cell(cell)


@pytest.mark.parametrize("read", [resume, measure_the_ledger, learn_labels, go_on_with_a_study])
def test_text_with_one_sentence_less_is_refused_by_whoever_reads_it(begun, monkeypatch, read):
    monkeypatch.setenv("PARALLAX_RUNS", str(begun / "runs"))
    folder = begun / "corpora" / "mine"
    shutil.copytree(folder, folder.with_name("before"))
    import_again(folder, skip=1)
    try:
        with pytest.raises(InputError, match="begun on other text"):
            read()
    finally:
        shutil.rmtree(folder)
        folder.with_name("before").rename(folder)


def test_a_project_that_moved_as_a_whole_finds_its_text(project, begun):
    (begun / "corpora").rename(begun / "away")
    try:
        corpus = corpus_of(store.open_run("r"))
    finally:
        (begun / "away").rename(begun / "corpora")
    assert corpus.folder.resolve() == (project / "corpora" / "mine").resolve()


def test_text_that_moved_alone_is_asked_for_and_known_by_its_content(project, begun, tmp_path):
    run = store.open_run("r")
    (project / "corpora" / "mine").rename(tmp_path / "elsewhere")
    (begun / "corpora").rename(begun / "away")
    try:
        with pytest.raises(InputError, match="name its folder with --corpus"):
            corpus_of(run)
        assert corpus_of(run, tmp_path / "elsewhere").info.sha256 == run.info.corpus_hash
        import_again(tmp_path / "elsewhere", skip=1)
        with pytest.raises(InputError, match="begun on other text"):
            corpus_of(run, tmp_path / "elsewhere")
    finally:
        (begun / "away").rename(begun / "corpora")


def test_a_world_of_another_version_is_refused_with_the_version_that_wrote_it():
    run, _ = start_run("w", tiny(), None)
    info = run.info.model_copy(update={"corpus_hash": "0" * 64, "commit": "abcdef0123456"})
    (run.folder / "run.json").write_text(info.model_dump_json())
    with pytest.raises(InputError, match=r"another world than the one that began it \(version .*abcdef012\)"):
        corpus_of(run)
