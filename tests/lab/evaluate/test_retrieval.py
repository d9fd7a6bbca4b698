"""Retrieval against known answers and against sentence-transformers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sentence_transformers.sentence_transformer.evaluation import TranslationEvaluator

from core.errors import InputError
from lab.evaluate import nearness
from lab.evaluate import retrieval as retrieval_module
from lab.evaluate.directions import sampled
from lab.evaluate.means import language_means, mean_accuracy
from lab.evaluate.nearness import cosines_in_blocks
from lab.evaluate.pools import LanguageVectors, PoolRule, distinct_texts, pool_of
from lab.evaluate.retrieval import direction, retrieval, sides_of, survey, wrong_matches
from lab.evaluate.scores import read_mean, scores
from lab.projection import unit
from lab.text import all_sentences
from tests.real_shape import real_shape_corpus


def side(vectors, meanings=None, name="s"):
    meanings = np.arange(len(vectors)) if meanings is None else np.asarray(meanings)
    return LanguageVectors(meanings, [f"{name}{m}" for m in meanings], np.asarray(vectors, dtype=np.float32))


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


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_hits_and_chance_are_what_a_slow_loop_finds(seed):
    """Repeated texts, meanings that only one side tells, and vectors that are equal, all at once."""
    rng = np.random.default_rng(seed)
    languages = {}
    for tag in "ab":
        meanings = np.sort(rng.permutation(14)[: rng.integers(3, 14)])
        texts = [f"{tag}{rng.integers(0, 8)}" for _ in meanings]
        # axes, so that many cosines are equal and none is rounded
        vectors = rng.choice([-1.0, 1.0], (8, 1)) * np.eye(4)[rng.integers(0, 4, 8)]
        rows = vectors[[int(text[1:]) for text in texts]]
        languages[tag] = LanguageVectors(meanings, texts, rows)
    a, b = languages["a"], languages["b"]
    expected = slow(a, b)
    if not expected:
        with pytest.raises(InputError, match="got none: add translations"):
            direction("a", "b", a, b)
        return
    each = direction("a", "b", a, b)
    assert sorted(each.correct) == pytest.approx(sorted(hit for hit, _ in expected))
    assert each.chance == pytest.approx(np.mean([answers for _, answers in expected]) / each.pool)
    assert each.pool == len(set(b.texts))


def slow(a, b):
    """Expected hit and number of answering candidates of each distinct query with an answer."""
    index = dict(zip(b.texts, unit(b.vectors), strict=True))
    hits = []
    for text, vector in dict(zip(a.texts, unit(a.vectors), strict=True)).items():
        meanings = {m for m, t in zip(a.meanings, a.texts, strict=True) if t == text}
        answers = {t for m, t in zip(b.meanings, b.texts, strict=True) if m in meanings}
        if answers:
            cosines = {t: float(vector @ v) for t, v in index.items()}
            best = {t for t, cosine in cosines.items() if cosine == max(cosines.values())}
            hits.append((len(best & answers) / len(best), len(answers)))
    return hits


def test_a_perfect_encoder_finds_all_where_sentences_repeat():
    # case 22: 60 pairs, 20 English sides alike, so 41 texts; it was 0.683 with 19 "wrong matches" of margin 0
    vectors = np.random.default_rng(0).standard_normal((60, 16))
    vectors[:20] = vectors[0]
    both = LanguageVectors(np.arange(60), ["same" if i < 20 else str(i) for i in range(60)], vectors)
    each = direction("fr", "en", both, both)
    assert (each.accuracy, each.pool, len(each.correct), each.wrong_matches.count) == (1.0, 41, 41, 0)
    assert each.chance == pytest.approx(1 / 41)


def test_any_translation_of_an_ambiguous_sentence_counts_both_ways():
    # one English sentence with five French translations, each its own meaning, and fifteen others
    rng = np.random.default_rng(0)
    english = rng.standard_normal((20, 16))
    english[:5] = english[0]
    french = english + 0.01 * rng.standard_normal((20, 16))
    en = LanguageVectors(np.arange(20), ["e0"] * 5 + [f"e{i}" for i in range(5, 20)], english)
    fr = LanguageVectors(np.arange(20), [f"f{i}" for i in range(20)], french)
    to_french, to_english = direction("en", "fr", en, fr), direction("fr", "en", fr, en)
    assert (to_french.accuracy, to_french.pool, len(to_french.correct)) == (1.0, 20, 16)
    assert to_french.chance == pytest.approx((5 + 15) / 16 / 20)
    assert (to_english.accuracy, to_english.pool, len(to_english.correct)) == (1.0, 16, 20)
    assert to_english.chance == pytest.approx(1 / 16)
    # the five French queries are one meaning when an interval is drawn
    assert len(set(to_english.meanings)) == 16


def test_nfc_and_nfd_of_one_text_are_one_candidate():
    a = side(np.eye(6), name="a")
    b = LanguageVectors(
        np.arange(6), ["caf\u00e9", "cafe\u0301", "c", "d", "e", "f"], np.eye(6)[[0, 0, 2, 3, 4, 5]]
    )
    each = direction("b", "a", b, a)
    assert len(each.correct) == 5
    assert direction("a", "b", a, b).pool == 5


@pytest.mark.parametrize("n", [7, 40, 61, 203])
def test_an_encoder_that_maps_all_to_one_vector_scores_chance(n):
    # products of matrices round equal columns differently; whatever comes first may not win by it
    vectors = np.repeat(np.random.default_rng(n).standard_normal((1, 64)).astype(np.float32), n, axis=0)
    each = direction("a", "b", side(vectors, name="a"), side(vectors, name="b"))
    assert each.accuracy == pytest.approx(each.chance) == pytest.approx(1 / n)


def test_the_index_holds_sentences_without_a_translation_and_queries_have_one():
    a, b = side(np.eye(12)[:8], range(8), "a"), side(np.eye(12), range(12), "b")
    to_b, to_a = direction("a", "b", a, b), direction("b", "a", b, a)
    assert (len(to_b.correct), to_b.pool, to_b.chance) == (8, 12, pytest.approx(1 / 12))
    assert (len(to_a.correct), to_a.pool, to_a.chance) == (8, 8, pytest.approx(1 / 8))


def test_the_shared_protocol_searches_translations_alone():
    a, b = side(np.eye(12)[:8], range(8), "a"), side(np.eye(12), range(12), "b")
    each = direction("a", "b", a, b, PoolRule(index="shared"))
    assert (len(each.correct), each.pool) == (8, 8)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(5, 20))
def test_a_pool_of_n_holds_n_candidates_with_all_answers_of_its_queries(seed, size):
    rng = np.random.default_rng(seed)
    meanings = np.arange(40)
    a = LanguageVectors(meanings, [f"a{rng.integers(0, 30)}" for _ in meanings], rng.standard_normal((40, 4)))
    b = LanguageVectors(
        np.sort(rng.permutation(60)[:50]), [f"b{i}" for i in range(50)], rng.standard_normal((50, 4))
    )
    texts = distinct_texts({"a": a, "b": b}, seed=1)
    pool, whole = (pool_of(texts["a"], texts["b"], PoolRule(size=each)) for each in (size, None))
    assert len(pool.candidates) == len(set(pool.candidates)) == size
    answers = {
        tuple(pair) for pair in zip(pool.queries[pool.asking], pool.candidates[pool.answering], strict=True)
    }
    assert answers == {
        (query, answer)
        for query, answer in zip(whole.queries[whole.asking], whole.candidates[whole.answering], strict=True)
        if query in set(pool.queries)
    }
    assert set(pool.asking) == set(range(len(pool.queries)))


def test_pools_of_n_give_all_directions_one_chance_level_and_the_same_meanings():
    rng = np.random.default_rng(0)
    sides = {
        tag: side(rng.standard_normal((count, 8)), np.sort(rng.permutation(300)[:count]), tag)
        for tag, count in (("a", 300), ("b", 250), ("c", 60))
    }
    result = survey(sides, PoolRule(size=100))
    assert {each.pool for each in result.directions} == {100}
    # c has 60 sentences: it can ask but not be searched
    assert {each.target for each in result.directions} == {"a", "b"}
    assert {(each.source, each.target, each.reason) for each in result.too_small} == {
        ("a", "c", "60 of the 100 candidates needed"), ("b", "c", "60 of the 100 candidates needed"),
    }  # fmt: skip
    drawn = {
        tag: set(texts.meanings[texts.priority[texts.text_of] < 60])
        for tag, texts in distinct_texts(sides, seed=0).items()
    }
    assert drawn["b"] < drawn["a"]


def test_small_directions_are_listed_with_the_reason_and_not_averaged():
    rng = np.random.default_rng(0)
    sides = {
        "en": side(rng.standard_normal((40, 8)), range(40), "e"),
        "fr": side(rng.standard_normal((30, 8)), range(30), "f"),
        "so": side(rng.standard_normal((4, 8)), range(36, 40), "s"),
        "zh": side(rng.standard_normal((9, 8)), range(90, 99), "z"),
    }
    result = survey(sides)
    assert {(each.source, each.target) for each in result.directions} == {("en", "fr"), ("fr", "en")}
    listed = {(each.source, each.target): each.reason for each in result.too_small}
    assert listed == {
        ("en", "so"): "4 of the 5 candidates needed",
        ("so", "en"): "4 of the 5 queries needed",
    }
    assert result.untranslated == 8
    lower = survey(sides, PoolRule(smallest=4))
    assert len(lower.directions) == 4


def test_equal_texts_may_leave_too_few_queries():
    a = LanguageVectors(np.arange(8), ["same"] * 5 + ["x", "y", "z"], np.eye(8))
    result = survey({"a": a, "b": side(np.eye(8), name="b")})
    assert [(each.source, each.target, each.queries) for each in result.too_small] == [
        ("a", "b", 4),
        ("b", "a", 8),
    ]
    assert (result.directions, result.large_enough) == ([], 0)


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


@pytest.mark.parametrize(
    "numbers", [{"size": 4}, {"smallest": 0}, {"directions": 0}, {"smallest": 30, "size": 20}]
)
def test_a_rule_that_makes_no_sense_is_refused(numbers):
    with pytest.raises(InputError, match=r"expected --(pool|min-pool|directions) from"):
        PoolRule(**numbers)


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


def test_random_vectors_score_chance_in_pools_of_one_size(tmp_path):
    sentences = all_sentences(real_shape_corpus(tmp_path / "c", scale=0.03))
    rng = np.random.default_rng(1)
    result = survey(
        sides_of(sentences, rng.standard_normal((len(sentences), 32)).astype(np.float32)), PoolRule(size=10)
    )
    mean = mean_accuracy(result.directions)
    assert mean is not None
    assert mean.pools == (10, 10)
    assert mean.low <= mean.chance <= mean.high
    assert 0.1 <= mean.chance < 0.15


def test_directions_that_agree_on_every_meaning_tell_no_more_than_one_of_them():
    a, _, _ = noisy(n=100)
    one_way = direction("a", "b", a, side(a.vectors[::-1].copy(), name="b"))
    copies = [replace(one_way, target=tag) for tag in "bcdef"]
    single, several = mean_accuracy([one_way]), mean_accuracy(copies)
    assert single is not None
    assert several is not None
    assert (several.low, several.high) == pytest.approx((single.low, single.high))
    assert (single.low, single.high) == pytest.approx(one_way.interval())
