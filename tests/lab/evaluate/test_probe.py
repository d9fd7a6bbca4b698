"""What is measured while a run trains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.infoxlm import language_model
from core.objectives import build_model
from core.text.tokenizer import train_tokenizer
from lab.evaluate.directions import sampled
from lab.evaluate.means import mean_accuracy
from lab.evaluate.pools import PoolRule
from lab.evaluate.probe import MOST_DIRECTIONS, Probe, balanced
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.scores import step_record
from lab.evaluate.vectors import encode
from lab.text import all_sentences
from tests.lab.runs import tiny
from tests.real_shape import ENGLISH_PAIRS, real_shape_corpus


def table(meanings_of):
    """Sentences of languages: which meanings each tells."""
    rows = [(m, tag, f"{tag} {m}") for tag, meanings in sorted(meanings_of.items()) for m in meanings]
    return pd.DataFrame(rows, columns=["meaning", "language", "text"])


@given(st.integers(1, 12), st.integers(0, 99))
def test_of_parallel_text_the_first_meanings_of_the_order_are_read(most, seed):
    sentences = table(dict.fromkeys("abc", range(10)))
    order = np.random.default_rng(seed).permutation(10)
    read = sentences[balanced(sentences, order, most)]
    assert set(read["meaning"]) == set(order[:most])
    assert len(read) == 3 * min(most, 10)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sets(st.integers(0, 30), min_size=1), min_size=1),
    st.integers(1, 8),
    st.integers(0, 99),
)
def test_every_language_has_as_many_sentences_as_asked_for_or_all_it_has(meanings_of, most, seed):
    sentences = table(meanings_of)
    order = np.random.default_rng(seed).permutation(sentences["meaning"].unique())
    counts = sentences[balanced(sentences, order, most)].groupby("language").size()
    for tag, meanings in meanings_of.items():
        assert counts[tag] >= min(most, len(meanings))
    # none is read that no language needs
    assert counts.min() <= max(most, min(map(len, meanings_of.values())))


def test_small_languages_are_measured_beside_a_large_one(tmp_path):
    sentences = all_sentences(real_shape_corpus(tmp_path / "c", 0.02))
    probe = Probe(sentences, tiny(measure={"retrieval_meanings": 10, "snapshot_meanings": 4}))
    everything, shown = sentences["language"].value_counts(), probe.shown["language"].value_counts()
    read = probe.sentences["language"].value_counts()
    assert set(read.index) == set(everything.index) > set(ENGLISH_PAIRS)
    for tag, count in everything.items():
        assert read[tag] >= min(10, count)
        assert shown[tag] >= min(4, count)
    # English is told with each of the others, and nothing else is read of it
    assert read["fr"] < 30 < everything["fr"]


@pytest.mark.parametrize("measure", [{"retrieval_meanings": 8, "snapshot_meanings": 3},
                                     {"retrieval_meanings": 3, "snapshot_meanings": 8}])  # fmt: skip
def test_retrieval_and_the_vectors_that_are_kept_are_those_of_all_sentences_at_every_layer(measure):
    settings = tiny(measure=measure, model={"layers": 3}, contrast={"layer": 2})
    held_out = table(dict.fromkeys(("ar", "en", "zh"), range(20)))
    tokenizer = train_tokenizer(held_out["text"], 60)
    model = build_model(language_model(settings.model, tokenizer.size, 1), settings)
    vectors, record = Probe(held_out, settings).measure(model, tokenizer)

    order = np.random.default_rng(settings.seed).permutation(20)
    everything = encode(model, tokenizer, held_out["text"].tolist(), range(4))
    compared, shown = (
        held_out["meaning"].isin(order[:most]).to_numpy()
        for most in (measure["retrieval_meanings"], measure["snapshot_meanings"])
    )
    assert set(vectors) == set(range(4))
    for layer, values in vectors.items():
        # batches of other sizes round differently
        np.testing.assert_allclose(values, everything[layer][shown], atol=1e-5)
    directions = retrieval(sides_of(held_out[compared], everything[2][compared]))
    expected = step_record(mean_accuracy(directions))
    assert record == expected
    assert bool(record) == (measure["retrieval_meanings"] == 8)


def english_centric(languages):
    enough = np.zeros((languages, languages), dtype=bool)
    enough[0] = enough[:, 0] = True
    np.fill_diagonal(enough, False)
    return enough


def every_pair(languages):
    return ~np.eye(languages, dtype=bool)


@pytest.mark.parametrize("enough", [english_centric(150), every_pair(100), every_pair(452)], ids=len)
def test_a_sample_for_training_is_small_and_the_same_at_every_snapshot(enough):
    rule = PoolRule(directions=MOST_DIRECTIONS)
    sample = sampled(enough, rule)
    assert len({tuple(pair) for pair in sample}) == len(sample) == MOST_DIRECTIONS
    assert enough[sample[:, 0], sample[:, 1]].all()
    assert (sampled(enough, rule) == sample).all()


def unequal(languages):
    """English shares meanings with all others, and every third language with its neighbour, in one direction."""
    enough = english_centric(languages)
    enough[np.arange(1, languages - 1, 3), np.arange(2, languages, 3)] = True
    return enough


@pytest.mark.parametrize(
    "enough", [english_centric(20), every_pair(7), unequal(20)], ids=["en", "all", "unequal"]
)
def test_every_direction_is_drawn_equally_often(enough):
    count, trials, drawn = int(enough.sum()), 2_000, 17
    times = np.zeros(enough.shape)
    for seed in range(trials):
        sample = sampled(enough, PoolRule(directions=drawn, seed=seed))
        np.add.at(times, (sample[:, 0], sample[:, 1]), 1)
    share = drawn / count
    spread = np.sqrt(trials * share * (1 - share))
    # each count is binomial over independent seeds; with under 50 counts, any lies 4.5 spreads off with chance 0.0004
    assert (np.abs(times[enough] - trials * share) < 4.5 * spread).all()
    assert not times[~enough].any()


def test_all_directions_of_the_toy_are_measured():
    sample = sampled(every_pair(15), PoolRule(directions=MOST_DIRECTIONS))
    assert len(sample) == 210


def test_of_ten_thousand_directions_a_sample_is_measured_and_said_to_be_one():
    languages = [f"l{number:03d}" for number in range(100)]
    held_out = table(dict.fromkeys(languages, range(6)))
    settings = tiny(measure={"retrieval_meanings": 6})
    tokenizer = train_tokenizer(held_out["text"], 60)
    model = build_model(language_model(settings.model, tokenizer.size, 1), settings)
    _, record = Probe(held_out, settings).measure(model, tokenizer)
    assert record["retrieval_directions"] == MOST_DIRECTIONS
    assert record["retrieval_smallest_pool"] == record["retrieval_largest_pool"] == 6
