"""Runs that begin at the same moment: nobody is hurt, and all end at the same numbers."""

import pytest

from lab import store
from tests.forks import Child
from tests.lab.runs import FLAGS, MODEL_FLAGS
from tests.real_shape import real_shape_corpus

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]


@pytest.fixture
def begin(forks):
    """Begins `lab train toy` at test size."""
    return lambda *words, flags=FLAGS: forks.begin("train", "toy", *flags, "--steps", "6", *words)


def ends(children: list[Child]) -> list[tuple[int, str]]:
    """Exit codes and the last line of what was said on standard error."""
    return [(child.wait(), child.said.strip().splitlines()[-1]) for child in children]


def test_three_runs_that_begin_together_on_a_new_corpus_all_finish_with_the_same_numbers(begin, tmp_path):
    real_shape_corpus(tmp_path / "mine", 0.02)
    words = ("--corpus", str(tmp_path / "mine"), "--tokenizer.vocabulary", "2000", "--text.held-out", "40")
    results = ends([begin("--name", name, *words, flags=MODEL_FLAGS) for name in ("a", "b", "c")])
    assert [code for code, _ in results] == [0, 0, 0], results
    losses, *others = (store.open_run(name).steps()[LOSSES] for name in ("a", "b", "c"))
    assert len(losses) == 7
    assert all(each.equals(losses) for each in others)
    kinds = sorted(path.name.partition("-")[0] for path in store.cache_folder().iterdir())
    assert kinds == ["encoded", "tokenizer", "turns"]


def test_of_two_that_begin_one_name_together_one_trains_and_the_other_says_so_in_a_line(begin):
    results = ends([begin("--name", "same"), begin("--name", "same")])
    assert sorted(code for code, _ in results) == [0, 2], results
    (said,) = [words for code, words in results if code == 2]
    assert said == "lab: run same exists already: choose another --name, or continue it with --resume"
    assert [run.name for run in store.list_runs()] == ["same"]
    assert store.open_run("same").status.state == "finished"
    assert not [path for path in store.runs_folder().iterdir() if path.name.endswith(".partial")]


def test_two_that_begin_without_a_name_get_two_names(begin):
    assert [code for code, _ in ends([begin(), begin()])] == [0, 0]
    assert {run.name for run in store.list_runs()} == {"toy-1", "toy-2"}


@pytest.mark.parametrize("words", [("--resume",), ("--resume-if-exists",)])
def test_of_two_that_go_on_with_a_run_together_one_does_and_the_other_names_it(begin, words):
    ((code, said),) = ends([begin("--name", "r", "--measure.checkpoint-every", "2")])
    assert code == 0, said
    run = store.open_run("r")
    undisturbed = run.steps()[LOSSES]
    run.write_status("stopped", 4, 6)
    results = ends([begin("--name", "r", "--measure.checkpoint-every", "2", *words) for _ in range(2)])
    codes = sorted(code for code, _ in results)
    # the second may come when the first has ended
    assert codes in ([0, 2], [0, 0]), results
    assert all(said.count("stop it first") == 1 for code, said in results if code == 2)
    assert run.status.state == "finished"
    assert run.steps()[LOSSES].equals(undisturbed)
