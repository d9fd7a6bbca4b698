"""Hubs, geometry and treatments of vectors whose alignment is known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ortho_group, skew

from core.errors import InputError
from lab.cli import run as lab
from lab.evaluate.encoded import EncodedSentences
from lab.evaluate.geometry import evaluate_geometry
from lab.evaluate.hubness import hubness
from lab.evaluate.pools import PoolRule
from lab.evaluate.treatments import TREATMENTS, FitText
from lab.projection import unit
from tests.lab.runs import trained_run

WIDTH, MEANINGS = 12, 160
LANGUAGES = ("ar", "en", "fr")


def encoded(vectors_of, meanings: int = MEANINGS) -> EncodedSentences:
    rng = np.random.default_rng(0)
    meant = rng.standard_normal((meanings, WIDTH))
    rows = [(meaning, tag, f"{tag} {meaning}") for tag in LANGUAGES for meaning in range(meanings)]
    vectors = np.concatenate([vectors_of(tag, meant, rng) for tag in LANGUAGES]).astype(np.float32)
    return EncodedSentences(
        pd.DataFrame(rows, columns=["meaning", "language", "text"]), vectors, 1, "mean", ""
    )


def rows_of(sentences: EncodedSentences) -> dict[str, dict]:
    document = evaluate_geometry(sentences, PoolRule(), neighbours=4)
    assert document["meanings"] + document["fitted_on"] == MEANINGS
    return {row["treatment"]: row for row in document["rows"]}


@pytest.mark.parametrize("k", [1, 10])
def test_hubness_is_that_of_a_loop_over_queries(k, monkeypatch):
    rng = np.random.default_rng(1)
    queries, candidates = (unit(rng.standard_normal((count, 6))) for count in (40, 30))
    monkeypatch.setattr("lab.evaluate.nearness.BLOCK", 7 * 30)
    measured = hubness(queries, candidates, k)
    cosines = queries @ candidates.T
    occurrence = np.zeros(30)
    for row in cosines:
        for at in sorted(range(30), key=lambda at: -row[at])[:k]:
            occurrence[at] += 1
    assert measured.skew == pytest.approx(skew(occurrence))
    assert measured.anti_hubs == (occurrence == 0).mean()
    mutual = [cosines[:, cosines[at].argmax()].argmax() == at for at in range(40)]
    assert measured.reciprocal.astype(bool).tolist() == mutual


def test_a_hub_skews_what_is_found_and_equal_shares_do_not():
    rng = np.random.default_rng(2)
    queries = unit(rng.standard_normal((50, 8)) + 2)
    hub = unit(np.vstack([np.full(8, 1.0), rng.standard_normal((20, 8))]))
    assert hubness(queries, hub, 1).skew > 3
    alone = hubness(np.eye(8), np.eye(8), 1)
    assert (alone.skew, alone.anti_hubs, alone.reciprocal.mean()) == (0.0, 0.0, 1.0)


def test_centring_finds_translations_that_only_a_mean_of_the_language_keeps_apart():
    shift = {tag: 8 * np.eye(WIDTH)[at] for at, tag in enumerate(LANGUAGES)}
    rows = rows_of(
        encoded(lambda tag, meant, rng: meant + shift[tag] + 0.1 * rng.standard_normal(meant.shape))
    )
    assert rows["none"]["cosine"] < 0.7
    assert rows["centred"]["cosine"] > 0.95
    assert rows["none"]["language"] == 1.0
    assert rows["centred"]["language_low"] < rows["centred"]["language_chance"] + 0.1
    assert rows["none"]["unrelated_cosine"] > rows["centred"]["unrelated_cosine"] + 0.1


def test_a_rotation_is_undone_by_procrustes_alone():
    turns = {tag: ortho_group.rvs(WIDTH, random_state=at) for at, tag in enumerate(LANGUAGES)}
    rows = rows_of(encoded(lambda tag, meant, rng: meant @ turns[tag]))
    assert rows["rotated"]["cosine"] == 1.0
    assert rows["centred"]["cosine"] < 0.3
    assert rows["rotated"]["reciprocity"] == 1.0


def test_top_components_that_hide_the_rest_are_removed():
    axis = 30.0 * np.eye(WIDTH)[0]
    rows = rows_of(encoded(lambda tag, meant, rng: meant + rng.standard_normal((len(meant), 1)) * axis))
    assert rows["none"]["cosine"] < 0.5
    assert rows["top-removed"]["cosine"] > 0.95
    assert rows["none"]["effective_dimensions"] < 2 < rows["top-removed"]["effective_dimensions"]


def test_random_vectors_read_as_guessing_and_as_isotropic():
    row = rows_of(encoded(lambda tag, meant, rng: meant))["random"]
    assert row["cosine"] < 0.06
    assert abs(row["unrelated_cosine"]) < 0.02
    # a normal cloud of n points in d dimensions: about n d / (n + d) of them count
    count = 3 * MEANINGS / 2
    assert row["effective_dimensions"] == pytest.approx(count * WIDTH / (count + WIDTH), rel=0.05)
    assert row["language_low"] < row["language_chance"] + 0.05


@pytest.mark.parametrize("treatment", TREATMENTS, ids=lambda each: each.name)
def test_a_treatment_meets_a_language_that_it_was_not_fitted_on(treatment):
    rng = np.random.default_rng(3)
    text = FitText(rng.standard_normal((9, 4)), np.arange(9), np.array(["en"] * 8 + ["fr"]))
    treated = treatment.fit(text)(rng.standard_normal((3, 4)), np.array(["en", "fr", "zh"]))
    assert treated.shape == (3, 4)
    assert np.isfinite(treated).all()


def test_text_too_small_to_be_split_is_refused():
    with pytest.raises(InputError, match="at least 4 meanings"):
        evaluate_geometry(encoded(lambda tag, meant, rng: meant, 3), PoolRule(), 4)


def test_the_command_measures_a_run_beside_random_vectors(capsys):
    trained_run("geometry")
    assert lab(["evaluate", "geometry", "--task", "geometry", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["treatment"] for row in document["rows"]] == [each.name for each in TREATMENTS]
    assert lab(["evaluate", "geometry", "--task", "geometry"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "random vectors" in said
    assert "on which nothing was fitted" in said
