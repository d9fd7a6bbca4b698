"""Retrieval against known answers and against sentence-transformers."""

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.evaluation import TranslationEvaluator

from core.errors import InputError
from lab.evaluate import retrieval as module
from lab.evaluate.retrieval import Side, direction, mean_accuracy, nearest, retrieval, scores


def side(vectors, meanings=None, name="s"):
    meanings = np.arange(len(vectors)) if meanings is None else np.asarray(meanings)
    return Side(meanings, [f"{name}{m}" for m in meanings], np.asarray(vectors, dtype=np.float32))


def noisy(n=300, d=16, noise=0.7, seed=0):
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(n, d))
    return [side(clean + noise * rng.normal(size=(n, d)), name=name) for name in "abc"]


class Lookup:
    """What sentence-transformers' evaluator needs of a model, giving it our vectors."""

    class model_card_data:
        set_evaluation_metrics = staticmethod(lambda *_: None)

    def __init__(self, *sides):
        self.table = {
            text: vector for one in sides for text, vector in zip(one.texts, one.vectors, strict=True)
        }

    def encode(self, sentences, **_):
        return [torch.from_numpy(self.table[sentence]) for sentence in sentences]


def test_accuracy_agrees_with_sentence_transformers():
    a, b, _ = noisy()
    theirs = TranslationEvaluator(a.texts, b.texts, write_csv=False)(Lookup(a, b))
    assert direction("a", "b", a, b).accuracy == pytest.approx(theirs["src2trg_accuracy"], abs=1e-6)
    assert direction("b", "a", b, a).accuracy == pytest.approx(theirs["trg2src_accuracy"], abs=1e-6)
    assert 0.1 < theirs["src2trg_accuracy"] < 0.9


def test_only_shared_meanings_are_compared():
    one = direction("a", "b", side(np.eye(3), [5, 7, 9]), side(np.eye(3)[[1, 2]], [7, 9]))
    assert (one.accuracy, one.meanings.tolist()) == (1.0, [7, 9])


def test_wrong_matches_come_with_what_was_expected_surest_first():
    queries = side([[1, 0, 0], [0, 1, 0], [0, 0.7, 0.6]])
    index = side([[0, 1, 0.3], [1, 0, 0], [0, 1, 0]], name="t")
    wrong = direction("a", "b", queries, index).wrong
    assert wrong["margin"].is_monotonic_decreasing
    first = wrong.iloc[0]
    assert (first["query"], first["found"], first["expected"]) == ("s0", "t1", "t0")


def test_chunks_give_what_one_matrix_gives(monkeypatch):
    a, b, _ = noisy()
    whole = direction("a", "b", a, b)
    monkeypatch.setattr(module, "BLOCK", 1000)
    parts = [part for part, _ in nearest(a.vectors, b.vectors)]
    assert len(parts) == 100
    chunked = direction("a", "b", a, b)
    np.testing.assert_array_equal(whole.correct, chunked.correct)


def test_100_000_sentences_never_need_more_than_a_block():
    queries = np.zeros((5, 2), dtype=np.float32)
    index = np.zeros((100_000, 2), dtype=np.float32)
    assert all(cosines.size <= module.BLOCK for _, cosines in nearest(queries, index))
    assert module.BLOCK // 100_000 >= 100


def test_intervals_are_the_percentiles_of_the_bootstrap():
    one = direction("a", "b", *noisy()[:2])
    low, high = one.interval()
    rng = np.random.default_rng(0)
    resampled = rng.choice(one.correct, (4000, len(one.correct))).mean(1)
    # Monte-Carlo error of a 2.5 % quantile with 4,000 resamples, and the grid of 1/300
    np.testing.assert_allclose([low, high], np.quantile(resampled, [0.025, 0.975]), atol=0.01)


def test_the_mean_is_the_mean_of_the_directions_with_an_interval_round_it():
    directions = retrieval(dict(zip("abc", noisy(), strict=True)))
    assert len(directions) == 6
    value, low, high = mean_accuracy(directions)
    assert value == pytest.approx(np.mean([one.accuracy for one in directions]))
    assert low < value < high
    assert mean_accuracy(directions) == (value, low, high)


def test_scores_are_tidy():
    table = scores(retrieval(dict(zip("abc", noisy(), strict=True))), layer=2)
    assert len(table) == 7
    assert set(table["metric"]) == {"accuracy", "mean_accuracy"}
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_languages_without_shared_meanings_are_refused():
    with pytest.raises(InputError, match="share meanings"):
        retrieval({"a": side(np.eye(3), [1, 2, 3]), "b": side(np.eye(3), [4, 5, 6])})
