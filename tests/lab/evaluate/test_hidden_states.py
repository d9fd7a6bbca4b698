"""Retrieval and information by layer, on vectors whose alignment is known, and the exercises of lesson 05."""

import numpy as np
import pandas as pd
import pytest

from lab.evaluate.hidden_states import (
    COSINE,
    TRAINED,
    information_by_layer,
    retrieval_by_layer,
    rotated,
    unseen_sentences,
    vectors_of_run,
)
from lab.evaluate.ledger.gradients import contrast_gradients
from lab.lessons import check
from lab.lessons.layers import best_layer, effect_of_rotation, untrained_layers
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import tiny

COUNT, WIDTH = 240, 4


@pytest.fixture(scope="module")
def sentences() -> pd.DataFrame:
    tags = np.repeat(["ar", "en"], COUNT)
    meanings = np.tile(np.arange(COUNT), 2)
    texts = [f"{tag} {meaning}" for tag, meaning in zip(tags, meanings, strict=True)]
    return pd.DataFrame({"meaning": meanings, "language": tags, "text": texts})


@pytest.fixture(scope="module")
def vectors() -> dict[int, np.ndarray]:
    """Layer 0 is noise; in layer 1 translations all but coincide."""
    rng = np.random.default_rng(0)
    meant = rng.standard_normal((COUNT, WIDTH))
    near = [meant + 0.01 * rng.standard_normal(meant.shape) for _ in range(2)]
    return {
        0: rng.standard_normal((2 * COUNT, WIDTH)).astype(np.float32),
        1: np.concatenate(near).astype(np.float32),
    }


def test_aligned_vectors_retrieve_and_show_information_and_noise_does_not(vectors, sentences):
    accuracy = retrieval_by_layer(vectors, sentences, "m").set_index("layer")
    assert accuracy.loc[1, "low"] > 0.9
    assert accuracy.loc[0, "high"] < 0.05
    nats = information_by_layer(vectors, sentences, "en", "ar", steps=5).set_index(["name", "layer"])
    ceiling = np.log(COUNT / 3)
    assert nats["ceiling"].unique() == pytest.approx([ceiling])
    assert ceiling - 0.7 < nats.loc[(COSINE, 1), "value"] <= ceiling
    assert nats.loc[(COSINE, 0), "value"] < 0.2


def test_a_rotation_takes_alignment_but_not_information(vectors, sentences):
    table = rotated(vectors, sentences, 1, "en", "ar", steps=120).set_index("vectors")
    before, after = table.loc["as it is"], table.loc["target rotated"]
    assert before["retrieval"] > 0.9
    assert after["retrieval"] < 0.3
    assert after[COSINE] < before[COSINE] - 1
    assert after[TRAINED] > before[TRAINED] - 0.5
    change = after[COSINE] - before[COSINE]
    assert check(change, effect_of_rotation(table)).passed
    assert "the sign" in check(-change, effect_of_rotation(table))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(folder / "runs"))
        settings = tiny(model={"layers": 3}, contrast={"layer": 2})
        return run_training(*start_run("deep", settings, None)), folder / "runs"


@pytest.fixture
def opened(run, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(run[1]))
    return run[0]


def test_the_contrast_gives_no_gradient_above_its_layer(opened):
    gradients = contrast_gradients(opened, "en", "ar")
    assert gradients.index.tolist() == ["embeddings", "layer 1", "layer 2", "layer 3"]
    assert (gradients > 0).tolist() == [True, True, True, False]
    assert check([3], untrained_layers(gradients)).passed
    assert "does the loss read it" in check([2, 3], untrained_layers(gradients))
    assert "out of 1, 2, 3" in check([0, 3], untrained_layers(gradients))
    assert "there are more" in check([], untrained_layers(gradients))
    assert check(..., untrained_layers(gradients)).startswith("not yet")


def test_unseen_sentences_of_a_world_translate_each_other_row_by_row(opened):
    sentences = unseen_sentences(opened, 50)
    assert sentences.groupby("language")["meaning"].apply(list).tolist() == [list(range(50))] * 3
    by_layer = vectors_of_run(opened, sentences)
    assert {layer: values.shape for layer, values in by_layer.items()} == dict.fromkeys(range(4), (150, 16))


def test_the_best_layer_may_be_one_that_is_tied():
    table = pd.DataFrame(
        {
            "name": "m",
            "layer": [0, 1, 2],
            "value": [0.1, 0.8, 0.79],
            "low": [0.0, 0.7, 0.7],
            "high": [0.2, 0.9, 0.9],
        }
    )
    assert check(1, best_layer(table, "m")).passed
    assert check(2, best_layer(table, "m")).passed
    assert check(0, best_layer(table, "m")).startswith("wrong")
    assert check(..., best_layer(table, "m")).startswith("not yet")
