"""Pages on a run that trained on text of real shape: each number with its pool and chance level."""

import re

import pytest

from lab import store
from lab.evaluate.scores import read_directions, read_mean
from tests.app.test_pages import open_page, words
from tests.real_run import real_run

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(top / "runs"))
        real_run(top / "text")
    return top / "runs"


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(folder))
    return store.open_run("r")


def test_retrieval_states_chance_and_pool_of_the_mean_and_of_the_best_and_worst_direction(run):
    said = words(open_page("retrieval", run="r")).replace("\u00a0", " ")
    mean = read_mean(run.scores())
    assert 0 < mean.chance < 1
    assert f"guessing finds {100 * mean.chance:.2g} % among {mean.pools_in_words} sentences" in said
    assert f"over {mean.directions:,} directed pairs" in said
    pools = {f"{pool:,.0f}" for pool in read_directions(run.scores())["pool"]}
    extremes = re.findall(r"(?:best|worst): .*guessing finds [\d.]+ % among ([\d,]+) sentences", said)
    assert len(extremes) == 2
    assert set(extremes) <= pools


@pytest.mark.parametrize("name", ["overview", "live"])
def test_pages_that_show_retrieval_say_what_guessing_finds(run, name):
    assert re.search(
        r"guessing (finds )?[\d.]+ ?% .*among [\d,]+", words(open_page(name, run="r")).replace("\u00a0", " ")
    )


def test_space_counts_the_sentences_it_shows_and_draws_every_language_that_has_some(run):
    page = open_page("space", run="r")
    shown = run.sentences()
    assert f"one of {len(shown):,} held-out sentences" in words(page)
    assert not page.error
