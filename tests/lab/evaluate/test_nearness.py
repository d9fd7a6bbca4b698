"""Nearness corrected for hubs, against a slow loop and against what hubs do to cosine."""

import numpy as np
import pytest

from core.errors import InputError
from lab import cli
from lab.evaluate.nearness import Nearness, neighbourhoods
from lab.evaluate.pools import LanguageVectors
from lab.evaluate.retrieval import direction
from lab.projection import unit


def slow_scores(queries, candidates, measure, k):
    """Every score by the published formula, one pair at a time."""
    cosines = queries @ candidates.T
    scores = np.zeros_like(cosines)
    for i in range(len(queries)):
        for j in range(len(candidates)):
            around_query = np.sort(cosines[i])[::-1][:k].mean()
            around_candidate = np.sort(cosines[:, j])[::-1][:k].mean()
            if measure == "csls":
                scores[i, j] = 2 * cosines[i, j] - around_query - around_candidate
            else:
                scores[i, j] = cosines[i, j] / ((around_query + around_candidate) / 2)
    return scores


def hubs(n=60, dims=8, seed=0):
    """Translations with noise, and one candidate that lies in the middle of all queries."""
    rng = np.random.default_rng(seed)
    clean = rng.standard_normal((n, dims)) + 1.0
    queries, candidates = clean, clean + 0.5 * rng.standard_normal((n, dims))
    candidates[0] = clean.mean(axis=0)
    return unit(queries.astype(np.float32)), unit(candidates.astype(np.float32))


def side(vectors, name):
    return LanguageVectors(np.arange(len(vectors)), [f"{name}{row}" for row in range(len(vectors))], vectors)


@pytest.mark.parametrize("measure", ["csls", "margin"])
@pytest.mark.parametrize("k", [1, 4, 100])
def test_accuracy_is_that_of_the_published_formula(measure, k):
    queries, candidates = hubs()
    result = direction(
        "a", "b", side(queries, "a"), side(candidates, "b"), nearness=Nearness(measure, neighbours=k)
    )
    expected = slow_scores(queries.astype(float), candidates.astype(float), measure, k).argmax(axis=1)
    assert result.accuracy == pytest.approx(np.mean(expected == np.arange(len(queries))))
    assert result.measure == measure


@pytest.mark.parametrize("measure", ["csls", "margin"])
def test_a_hub_that_wins_by_cosine_wins_less_often_once_corrected_for(measure):
    a, b = (side(vectors, name) for vectors, name in zip(hubs(), "ab", strict=True))
    cosine, corrected = direction("a", "b", a, b), direction("a", "b", a, b, nearness=Nearness(measure))
    assert corrected.accuracy > cosine.accuracy
    assert (corrected.chance, corrected.pool) == (cosine.chance, cosine.pool)


def test_neighbourhoods_in_blocks_are_those_of_one_matrix(monkeypatch):
    queries, candidates = hubs()
    whole = neighbourhoods(queries, candidates, 4)
    monkeypatch.setattr("lab.evaluate.nearness.BLOCK", 128)
    np.testing.assert_allclose(neighbourhoods(queries, candidates, 4), whole, rtol=1e-6)


def test_no_neighbours_are_refused(capsys):
    with pytest.raises(InputError, match="expected --neighbours from 1, got 0"):
        Nearness("csls", 0)
    assert cli.run(["evaluate", "nothing", "--neighbours", "0"]) == 2
    assert "--neighbours" in capsys.readouterr().err
