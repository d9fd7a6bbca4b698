"""Queries and candidates: equal texts, sentences without a translation, pools of one size, chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from lab.evaluate.means import mean_accuracy
from lab.evaluate.pools import LanguageVectors, PoolRule, distinct_texts, pool_of
from lab.evaluate.retrieval import direction, sides_of, survey
from lab.projection import unit
from lab.text import all_sentences
from tests.lab.evaluate.sides import side
from tests.real_shape import real_shape_corpus


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


@pytest.mark.parametrize(
    "numbers", [{"size": 4}, {"smallest": 0}, {"directions": 0}, {"smallest": 30, "size": 20}]
)
def test_a_rule_that_makes_no_sense_is_refused(numbers):
    with pytest.raises(InputError, match=r"expected --(pool|min-pool|directions) from"):
        PoolRule(**numbers)


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
