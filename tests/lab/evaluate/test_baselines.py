"""Retrieval without a network: linear algebra against oracles, and the command on a run."""

import json

import numpy as np
import pandas as pd
import pytest

from core.text.tokenizer import train_tokenizer
from lab.cli import run as lab
from lab.evaluate.bags import (
    CanonicalCorrelation,
    LanguageViews,
    LatentSemantics,
    dense,
    token_counts,
    token_overlap,
)
from lab.evaluate.baselines import BASELINES, Text, encode_baseline
from lab.evaluate.means import translation_accuracy
from lab.evaluate.retrieval import sides_of
from lab.store import open_run
from lab.world import World
from tests.lab.runs import FLAGS


@pytest.fixture(scope="module")
def text() -> Text:
    """Three languages of the world: 400 meanings to learn from, 100 to find."""
    world = World.load(["en", "fr", "hi"])
    rows = pd.DataFrame(world.rows(world.draw(500, 1), 1), columns=["meaning", "language", "text"])
    held_out = rows["meaning"].isin(rows["meaning"].unique()[:100])
    return Text.of(rows[held_out], rows[~held_out], train_tokenizer(rows["text"], 900))


def accuracy(text: Text, name: str, dimensions: int = 60) -> float:
    return translation_accuracy(sides_of(text.sentences, encode_baseline(name, text, dimensions)[0])).value


def test_token_counts_are_those_of_counting_one_by_one(text):
    sentences = ["the red bird", "the the the"]
    slow = np.zeros((2, text.tokenizer.size))
    for row, ids in enumerate(text.tokenizer.encode(sentences)):
        for token in ids[1:-1]:
            slow[row, token] += 1
    assert (token_counts(text.tokenizer, sentences).toarray() == slow).all()


def test_with_all_dimensions_latent_semantics_keeps_the_inner_products_of_the_joint_rows(text):
    views = LanguageViews.of(text.translations, text.tokenizer)
    joint = np.hstack([view.toarray() for view in views.views.values()])
    rank = np.linalg.matrix_rank(joint)
    model = LatentSemantics(views, int(rank))
    whole = text.translations.sort_values(["language", "meaning"])
    vectors = model.encode(text.tokenizer, whole)
    summed = sum(vectors[(whole["language"] == tag).to_numpy()] for tag in views.views)
    assert summed @ summed.T == pytest.approx(joint @ joint.T, abs=float(0.02 * (joint @ joint.T).max()))


def test_what_learns_from_translations_finds_most_of_them_and_random_vectors_find_none(text):
    chance = 1 / 100
    assert accuracy(text, "lsa") > 0.8
    assert accuracy(text, "cca") > 0.5
    # six directions of 100 queries: four standard deviations above guessing
    assert accuracy(text, "random") < chance + 4 * (chance / 600) ** 0.5


def test_two_languages_that_are_one_overlap_wholly(text):
    english = text.sentences[text.sentences["language"] == "en"]["text"].tolist()
    vectors = token_overlap(text.tokenizer, english)
    assert (vectors @ vectors.T).argmax(1).tolist() == list(range(len(english)))


def test_a_language_that_was_never_learned_gets_zero_vectors(text):
    views = LanguageViews.of(text.translations[text.translations["language"] != "hi"], text.tokenizer)
    for model in (LatentSemantics(views, 10), CanonicalCorrelation(views, 10)):
        vectors = model.encode(text.tokenizer, text.sentences)
        hindi = (text.sentences["language"] == "hi").to_numpy()
        assert not vectors[hindi].any()
        assert vectors[~hindi].any(1).all()


def test_wide_bags_are_projected_with_their_inner_products_about_kept():
    from scipy import sparse

    rng = np.random.default_rng(0)
    bags = sparse.random_array((20, 20_000), density=0.01, rng=rng, format="csr", dtype=np.float32)
    whole, projected = (bags @ bags.T).toarray(), dense(bags)
    assert projected.shape[1] < 8_192
    # an inner product of vectors of length r has a standard deviation of about r^2 / sqrt(columns): five of them
    assert np.abs(projected @ projected.T - whole).max() < 5 * whole.max() / projected.shape[1] ** 0.5


def test_the_command_measures_every_baseline_on_the_sentences_of_the_run(capsys):
    assert lab(["train", "toy", "--name", "r", "--steps", "8", *FLAGS]) == 0
    capsys.readouterr()
    assert lab(["evaluate", "r", "--task", "baselines", "--dimensions", "40", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["baseline"] for row in document["rows"]] == list(BASELINES)
    assert all(
        row["low"] <= row["accuracy"] <= row["high"] and row["pools"] == [40, 40] for row in document["rows"]
    )
    assert document["left"] == []
    assert open_run("r").document("baselines") == document
    assert lab(["evaluate", "r", "--task", "baselines", "--dimensions", "1"]) == 2
