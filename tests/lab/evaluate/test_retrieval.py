"""Retrieval against known answers and against sentence-transformers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sentence_transformers.sentence_transformer.evaluation import TranslationEvaluator

from lab.evaluate import nearness
from lab.evaluate import retrieval as retrieval_module
from lab.evaluate.directions import sampled
from lab.evaluate.means import language_means, mean_accuracy
from lab.evaluate.nearness import cosines_in_blocks
from lab.evaluate.pools import PoolRule
from lab.evaluate.retrieval import direction, retrieval, sides_of, survey, wrong_matches
from lab.evaluate.scores import read_mean, scores
from lab.text import all_sentences
from tests.lab.evaluate.sides import noisy, side
from tests.real_shape import real_shape_corpus


class Lookup:
    """What sentence-transformers' evaluator needs of a model, giving it our vectors."""

    class model_card_data:
        set_evaluation_metrics = staticmethod(lambda *_: None)

    def __init__(self, *sides):
        self.table = {
            text: vector for each in sides for text, vector in zip(each.texts, each.vectors, strict=True)
        }

    def encode(self, sentences, **_):
        return [torch.from_numpy(self.table[sentence]) for sentence in sentences]


def test_accuracy_agrees_with_sentence_transformers():
    a, b, _ = noisy()
    theirs = TranslationEvaluator(a.texts, b.texts, write_csv=False)(Lookup(a, b))
    for rule in (PoolRule(), PoolRule(index="shared")):
        there, back = direction("a", "b", a, b, rule), direction("b", "a", b, a, rule)
        assert there.accuracy == pytest.approx(theirs["src2trg_accuracy"], abs=1e-6)
        assert back.accuracy == pytest.approx(theirs["trg2src_accuracy"], abs=1e-6)
    assert 0.1 < theirs["src2trg_accuracy"] < 0.9


def test_wrong_matches_come_with_what_was_expected_surest_first():
    queries = side([[1, 0, 0], [0, 1, 0], [0, 0.7, 0.6]])
    index = side([[0, 1, 0.3], [1, 0, 0], [0, 1, 0]], name="t")
    wrong = direction("a", "b", queries, index).wrong
    assert wrong["margin"].is_monotonic_decreasing
    surest = wrong.iloc[0]
    assert (surest["query"], surest["found"], surest["expected"]) == ("s0", "t1", "t0")


def test_chunks_give_what_one_matrix_gives(monkeypatch):
    a, b, _ = noisy()
    whole = direction("a", "b", a, b)
    monkeypatch.setattr(nearness, "BLOCK", 1000)
    parts = [part for part, _ in cosines_in_blocks(a.vectors, b.vectors)]
    assert len(parts) == 100
    chunked = direction("a", "b", a, b)
    np.testing.assert_array_equal(whole.correct, chunked.correct)


def test_100_000_sentences_never_need_more_than_a_block():
    queries = np.zeros((5, 2), dtype=np.float32)
    index = np.zeros((100_000, 2), dtype=np.float32)
    assert all(cosines.size <= nearness.BLOCK for _, cosines in cosines_in_blocks(queries, index))
    assert nearness.BLOCK // 100_000 >= 100


def test_the_interval_of_a_direction_is_that_of_independent_queries():
    each = direction("a", "b", *noisy()[:2])
    theirs = binomtest(int(each.correct.sum()), len(each.correct)).proportion_ci(0.95, method="exact")
    assert each.interval() == pytest.approx((theirs.low, theirs.high))


def test_six_of_six_admit_doubt():
    # case 24: the bootstrap said [1, 1]
    each = direction("en", "fr", *[side(np.random.default_rng(0).standard_normal((6, 8)))] * 2)
    mean = mean_accuracy([each])
    assert mean is not None
    for low, high in (each.interval(), (mean.low, mean.high)):
        assert (low, high) == (pytest.approx(0.025 ** (1 / 6)), 1.0)


def test_the_mean_is_the_mean_of_the_directions_with_an_interval_round_it():
    directions = retrieval(dict(zip("abc", noisy(), strict=True)))
    mean = mean_accuracy(directions)
    assert mean is not None
    assert mean.value == pytest.approx(np.mean([each.accuracy for each in directions]))
    assert mean.low < mean.value < mean.high
    assert (mean.directions, mean.meanings, mean.pools) == (6, 300, (300, 300))
    assert mean.chance == pytest.approx(1 / 300)


def test_the_mean_of_nothing_is_none_and_its_scores_are_an_empty_table():
    assert mean_accuracy([]) is None
    assert len(scores([], layer=2)) == 0
    assert read_mean(scores([], layer=2)) is None
    assert retrieval({"a": side(np.eye(9), range(9)), "b": side(np.eye(9), range(10, 19))}) == []
    assert retrieval({}) == []


def test_scores_are_tidy_and_say_pool_and_chance():
    table = scores(retrieval(dict(zip("abc", noisy(), strict=True))), layer=2)
    assert table["metric"].value_counts().to_dict() == {
        "accuracy": 6, "mean_from": 3, "mean_to": 3, "mean_accuracy": 1
    }  # fmt: skip
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    assert (table["pool"] == 300).all()
    assert table["chance"].to_numpy() == pytest.approx(1 / 300)
    assert set(table["measure"]) == {"cosine"}


def test_the_mean_is_read_back_from_the_scores_as_it_was():
    directions = retrieval(dict(zip("abc", noisy(), strict=True)))
    assert read_mean(scores(directions, layer=2)) == mean_accuracy(directions)


def test_scores_of_earlier_versions_had_the_shared_meanings_as_their_pool():
    table = scores(retrieval(dict(zip("ab", noisy(), strict=False))), layer=2)
    earlier = table[table["metric"].isin(["accuracy", "mean_accuracy"])].assign(pool=np.nan, chance=np.nan)
    mean = read_mean(earlier)
    assert mean is not None
    assert (mean.pools, mean.chance) == ((300, 300), pytest.approx(1 / 300))


def test_the_means_of_a_language_are_those_of_its_directions():
    directions = retrieval(dict(zip("abc", noisy(), strict=True)))
    for means in language_means(directions):
        for mean, end in ((means.asking, "source"), (means.searched, "target")):
            part = [each.accuracy for each in directions if getattr(each, end) == means.language]
            assert mean is not None
            assert (mean.value, mean.directions) == (pytest.approx(np.mean(part)), 2)


@pytest.mark.parametrize("languages", [12, 40])
def test_a_sample_of_directions_gives_each_language_its_turn(languages):
    enough = ~np.eye(languages, dtype=bool)
    counts = np.zeros((2, languages))
    for seed in range(50):
        rule = PoolRule(directions=3 * languages, seed=seed)
        sample = sampled(enough, rule)
        assert len({tuple(pair) for pair in sample}) == 3 * languages
        sources = np.bincount(sample[:, 0], minlength=languages)
        assert set(sources) == {3}
        counts += sources, np.bincount(sample[:, 1], minlength=languages)
    # 150 times each on average; the sum over 50 circles of a count that varies by about one has a spread of seven
    assert counts[1].min() > 115
    assert counts[1].max() < 185


def test_up_to_the_limit_every_direction_is_measured_and_beyond_it_a_sample_that_says_so():
    sides = {f"l{i}": side(np.random.default_rng(i).standard_normal((6, 4)), name=f"{i}-") for i in range(5)}
    whole, part = survey(sides, PoolRule(directions=20)), survey(sides, PoolRule(directions=7))
    assert (len(whole.directions), whole.large_enough) == (20, 20)
    assert (len(part.directions), part.large_enough) == (7, 20)
    accuracies = {(each.source, each.target): each.accuracy for each in whole.directions}
    assert all(accuracies[each.source, each.target] == each.accuracy for each in part.directions)
    again = survey(sides, PoolRule(directions=7))
    assert [each.target for each in again.directions] == [each.target for each in part.directions]


def test_wrong_matches_are_capped_while_they_are_found_and_the_surest_stay(monkeypatch):
    monkeypatch.setattr(retrieval_module, "WRONG_PER_DIRECTION", 3)
    a, b, c = noisy(n=40, noise=3.0)
    directions = retrieval({"a": a, "b": b, "c": c})
    assert all(len(each.wrong) == 3 < each.wrong_matches.count for each in directions)
    surest = wrong_matches(directions, 5)
    every = sorted(np.concatenate([each.wrong["margin"] for each in directions]), reverse=True)
    assert surest["margin"].tolist() == every[:5]
    assert list(surest.columns) == ["source", "target", "query", "found", "expected", "margin"]


def test_an_untrained_model_scores_chance_on_text_of_real_shape(tmp_path):
    # it was 0.396 among pools of 2 to 9 sentences, six directions at 1.0
    sentences = all_sentences(real_shape_corpus(tmp_path / "c", scale=0.03))
    rng = np.random.default_rng(0)
    result = survey(sides_of(sentences, rng.standard_normal((len(sentences), 32)).astype(np.float32)))
    mean = mean_accuracy(result.directions)
    assert mean is not None
    assert mean.low <= mean.chance <= mean.high
    # German has three sentences, Chinese no translation; nobody but English has translations
    assert {each.source for each in result.too_small} | {each.target for each in result.too_small} >= {
        "de",
        "en",
    }
    assert all("en" in (each.source, each.target) for each in result.directions)
    assert not any({"de", "zh"} & {each.source, each.target} for each in result.directions)
    texts = {str(tag): part["text"].nunique() for tag, part in sentences.groupby("language")}
    for each in result.directions:
        assert each.pool == texts[each.target]
        # some English sentences have three translations, so guessing finds a little more than one in the pool
        assert 1 / each.pool <= each.chance < 1.5 / each.pool
    assert mean.pools == (min(each.pool for each in result.directions), texts["en"])


def test_directions_that_agree_on_every_meaning_tell_no_more_than_one_of_them():
    a, _, _ = noisy(n=100)
    one_way = direction("a", "b", a, side(a.vectors[::-1].copy(), name="b"))
    copies = [replace(one_way, target=tag) for tag in "bcdef"]
    single, several = mean_accuracy([one_way]), mean_accuracy(copies)
    assert single is not None
    assert several is not None
    assert (several.low, several.high) == pytest.approx((single.low, single.high))
    assert (single.low, single.high) == pytest.approx(one_way.interval())
