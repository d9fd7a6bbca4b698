"""Lesson 08: an exported run opened like a stranger's checkpoint."""

from dataclasses import replace

import pandas as pd
import pytest

from lab.evaluate.hidden_states import COSINE, TRAINED
from lab.lessons import check, open_lesson
from lab.lessons.checkpoint import (
    best_reading,
    embedding_share,
    hidden_states,
    information,
    information_in_words,
    opened,
    read,
    retrieval_by_pooling,
    text_to_read,
)
from tests.lab.runs import tiny


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("lesson") / "runs"))
        lesson = replace(open_lesson("smoke"), settings=tiny())
        yield lesson, opened(lesson, "")


def test_an_export_is_read_at_every_layer_under_both_poolings(school):
    lesson, checkpoint = school
    sentences = text_to_read(lesson, "", 120)
    assert sentences["meaning"].nunique() == 120
    vectors = read(checkpoint, sentences)
    table = retrieval_by_pooling(vectors, sentences)
    assert table.groupby("name")["layer"].apply(list).to_dict() == {
        "pooling first": [0, 1],
        "pooling mean": [0, 1],
    }
    blind = table[(table["name"] == "pooling first") & (table["layer"] == 0)]
    assert blind["value"].item() < 0.05, (
        "the state of <s> before the first layer is the same for all sentences"
    )
    nats = information(vectors, sentences, "mean", steps=5)
    assert set(nats["name"]) == {COSINE, TRAINED}
    assert (nats["value"] <= nats["ceiling"]).all()


def test_parameters_count_shared_ones_once(school):
    _, checkpoint = school
    counts = checkpoint.parameters
    assert counts.sum() == sum(each.numel() for each in checkpoint.model.language_model.parameters())
    assert counts["embeddings"] >= checkpoint.tokenizer.size * 16
    assert check(100 * counts["embeddings"] / counts.sum(), embedding_share(checkpoint)).passed
    assert "percent are hundredths" in check(counts["embeddings"] / counts.sum(), embedding_share(checkpoint))
    assert check(2, hidden_states(checkpoint)).passed
    assert "those are the layers" in check(1, hidden_states(checkpoint))


def test_the_best_reading_may_be_tied_and_other_answers_are_told_why_not():
    table = pd.DataFrame(
        [
            ("pooling mean", 1, 0.8, 0.7, 0.9),
            ("pooling mean", 0, 0.75, 0.65, 0.85),
            ("pooling first", 1, 0.1, 0.0, 0.2),
        ],
        columns=["name", "layer", "value", "low", "high"],
    )
    assert check(("mean", 1), best_reading(table)).passed
    assert check(("mean", 0), best_reading(table)).passed
    assert check(("first", 1), best_reading(table)).startswith("wrong")
    assert "got \"('last', 1)\"" in check(("last", 1), best_reading(table))
    assert "got 'mean'" in check("mean", best_reading(table))
    assert check(..., best_reading(table)).startswith("not yet")


@pytest.mark.parametrize(
    ("trained", "expected"), [(2.5, "finds 0.50 nats more than the cosine"), (1.0, "In no layer")]
)
def test_words_say_that_information_is_hidden_only_where_the_trained_critic_finds_more(trained, expected):
    table = pd.DataFrame(
        {"name": [COSINE, TRAINED], "layer": [1, 1], "value": [2.0, trained], "ceiling": [4.0, 4.0]}
    )
    (sentence,) = information_in_words(table)
    assert expected in sentence
