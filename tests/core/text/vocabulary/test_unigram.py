"""Monolingual vocabularies: sizes, pruning against training each size, curves of text of real shape."""

from itertools import pairwise
from math import log

import numpy as np
import pytest

from core.errors import InputError
from core.text.tokenizer import unigram_tokenizer
from core.text.vocabulary.alp import average_log_probability
from core.text.vocabulary.curves import language_curve, size_grid
from core.text.vocabulary.mixture import mixture_scores
from core.text.vocabulary.unigram import CountedPieces, count_pieces, cut, pruned, train_unigram
from core.text.vocabulary.words import Words, count_words, mixed_words
from lab.world import World


@pytest.fixture(scope="module")
def english():
    world = World.load(languages=["en", "zh"], paraphrases=True)
    rng = np.random.default_rng(0)
    return count_words(world.sentence(meaning, "en", rng) for meaning in world.draw(3_000, 0).tolist())


def ignored(point):
    """Keeps no vocabulary."""


def alp(point, words):
    return average_log_probability(np.append(point.counts, point.unknown), words.lines)


def test_words_begin_with_a_mark_and_punctuation_stands_alone():
    words = count_words(["the cat, the dog", "  ", "the\tcat"])
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == {
        "▁the": 3, "▁cat": 2, ",": 1, "▁dog": 1
    }  # fmt: skip
    assert words.lines == 2


def test_a_mixture_has_the_share_of_each_text():
    parts = [count_words(["a b"] * 30), count_words(["c d"] * 10)]
    mixture = mixed_words(parts, [0.25, 0.75])
    counts = dict(zip(mixture.words, mixture.counts.tolist(), strict=True))
    assert counts == {"▁a": 10, "▁b": 10, "▁c": 30, "▁d": 30}


def test_a_vocabulary_has_its_size_and_log_probabilities(english):
    scores = train_unigram(english, 200)
    assert len(scores) == 200
    assert all(score < 0 for score in scores.values())
    assert all(len(piece) <= 16 for piece in scores)


def test_a_text_that_yields_fewer_pieces_gives_those(english):
    assert 200 < len(train_unigram(english, 50_000)) < 50_000


def test_a_size_without_room_for_the_characters_is_refused(english):
    with pytest.raises(InputError, match=r"a vocabulary of 10 pieces cannot be trained.*distinct characters"):
        train_unigram(english, 10)


def test_words_are_cut_into_the_pieces_with_the_best_score_and_put_together_again(english):
    scores = train_unigram(english, 150)
    flat, lengths = cut(english.words, scores)
    names = ["?", *scores]
    ends = np.cumsum(lengths)
    for word, end, length in zip(english.words, ends, lengths, strict=True):
        assert "".join(names[piece] for piece in flat[end - length : end]) == word


def test_counts_of_pieces_weigh_words_by_how_often_they_occur():
    words = Words(("▁ab", "▁b"), np.array([3, 2]), lines=1, characters=1)
    counted = count_pieces(words, {"▁": -1.0, "a": -1.0, "b": -1.0})
    assert dict(zip(counted.pieces, counted.counts.tolist(), strict=True)) == {"▁": 5, "a": 3, "b": 5}


def test_a_character_without_a_piece_is_counted_as_unknown():
    words = Words(("▁ax",), np.array([3]), lines=1, characters=1)
    assert count_pieces(words, {"▁": -1.0, "a": -1.0}).unknown == 3


def test_pruned_vocabularies_are_nested_have_their_sizes_and_keep_characters(english):
    scores = train_unigram(english, 230)
    letters = {piece for piece in scores if len(piece) == 1}
    points = list(pruned(english, scores, [len(letters), 100, 170, 230]))
    assert [len(point.pieces) for point in points] == [230, 170, 100, len(letters)]
    for larger, smaller in pairwise(points):
        assert set(smaller.pieces) < set(larger.pieces)
    assert set(points[-1].pieces) == letters


def test_alp_grows_with_the_size(english):
    scores = train_unigram(english, 230)
    values = [alp(point, english) for point in pruned(english, scores, [60, 100, 150, 200, 230])][::-1]
    assert values == sorted(values)
    assert values[-1] - values[0] > 1


def test_the_curve_of_a_text_of_two_lines_is_the_pencil_value():
    # every character is a piece: ▁ a b in the first line, ▁ a a c in the second, seven in all
    words = count_words(["ab", "aac"])
    counts = count_pieces(words, dict.fromkeys("▁abc", -1.0))
    by_hand = (2 * log(2 / 7) + 3 * log(3 / 7) + 2 * log(1 / 7)) / 2
    assert alp(counts, words) == pytest.approx(by_hand, abs=1e-12)


def test_the_curve_of_a_trained_language_breaks_concavity_and_its_hull_does_not(english):
    curve = language_curve("en", english, range(60, 230, 10), ignored, train_each_size=True)

    def increments(alp):
        return [(b - a) / (n - m) for (a, m), (b, n) in pairwise(zip(alp, curve.sizes, strict=True))]

    assert any(later > earlier for earlier, later in pairwise(increments(curve.alp)))
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(increments(curve.hull)))
    assert curve.hull[-1] - curve.hull[0] == pytest.approx(curve.alp[-1] - curve.alp[0])
    # a hull that lay far above would allocate by gains that no vocabulary has
    assert max(np.subtract(curve.hull, curve.alp)) < 0.1 * (curve.alp[-1] - curve.alp[0])


def test_pruning_costs_little_against_training_each_size(english):
    scores = train_unigram(english, 230)
    for point in pruned(english, scores, [80, 120, 160, 200]):
        each = count_pieces(english, train_unigram(english, len(point.pieces)))
        # the tolerance that is stated: ALP no worse by more than 1 %, and half of the pieces are the same
        assert alp(point, english) > 1.01 * alp(each, english)
        assert len(set(point.pieces) & set(each.pieces)) > len(point.pieces) / 2


def test_each_pruning_step_drops_what_costs_least_by_a_slow_count(english):
    """The vocabulary after pruning a piece is among the best tenth of all vocabularies with one piece fewer."""
    (start,) = pruned(english, train_unigram(english, 120), [120])
    scores = dict(zip(start.pieces, np.log(np.maximum(start.counts, 0.1) / start.counts.sum()), strict=True))
    (after,) = pruned(english, scores, [119])
    (gone,) = set(start.pieces) - set(after.pieces)
    without = {
        piece: alp(count_pieces(english, {p: s for p, s in scores.items() if p != piece}), english)
        for piece in scores
        if len(piece) > 1
    }
    better = sum(value > without[gone] + 1e-9 for value in without.values())
    assert better <= len(without) / 10


@pytest.mark.parametrize("train_each_size", [False, True])
def test_sizes_that_the_text_does_not_allow_are_recorded_with_the_reason(english, train_each_size):
    points = []
    curve = language_curve("en", english, size_grid(20, 100), points.append, train_each_size)
    assert curve.sizes == tuple(len(point.pieces) for point in points)
    assert "characters that need a piece" in curve.infeasible[20]
    assert "the text yields" in curve.infeasible[2_000]
    assert set(curve.infeasible).isdisjoint(curve.sizes)
    assert list(curve.alp) == sorted(curve.alp)


def test_three_sentences_have_the_one_vocabulary_that_they_yield():
    curve = language_curve("de", count_words(["der Hund", "die Katze", "das Haus"]), [1_000, 2_000], ignored)
    assert len(curve.sizes) == 1
    assert set(curve.infeasible) == {1_000, 2_000}


def test_a_language_of_spaces_is_refused():
    with pytest.raises(InputError, match="expected text of fr, got none but spaces"):
        language_curve("fr", count_words(["  ", " "]), [100], ignored)


def test_per_character_a_curve_does_not_depend_on_how_text_is_cut_into_lines(english):
    curve = language_curve("en", english, [100, 200], ignored)
    longer = Words(english.words, english.counts, english.lines // 2, english.characters)
    half = language_curve("en", longer, [100, 200], ignored)
    np.testing.assert_allclose(half.per_character().alp, curve.per_character().alp)
    np.testing.assert_allclose(np.array(half.alp) * longer.lines, np.array(curve.alp) * english.lines)


def test_a_mixture_scores_a_piece_by_the_weighted_sum_of_its_probabilities():
    a = CountedPieces(("x", "y"), np.array([3, 1]), 0)
    b = CountedPieces(("y", "z"), np.array([1, 1]), 2)
    scores = mixture_scores({"a": a, "b": b}, {"a": 0.8, "b": 0.2})
    expected = {"x": 0.8 * 3 / 4, "y": 0.8 / 4 + 0.2 / 4, "z": 0.2 / 4}
    assert {piece: np.exp(score) for piece, score in scores.items()} == pytest.approx(expected)
    assert list(scores) == ["x", "y", "z"]


def test_a_unigram_tokenizer_gives_text_back_bytes_and_names_of_special_tokens_included(english):
    tokenizer = unigram_tokenizer(train_unigram(english, 200), byte_fallback=True)
    for text in ("the dog, the cat", "猫 <s> x", "<0x41> <mask>"):
        (ids,) = tokenizer.encode([text])
        assert tokenizer.decode(ids) == text
        assert set(ids[1:-1].tolist()).isdisjoint({0, 1, 2, 3, tokenizer.mask_id})


def test_without_bytes_an_unmet_character_is_unknown(english):
    tokenizer = unigram_tokenizer(train_unigram(english, 200))
    assert 3 in tokenizer.encode(["猫"])[0]
    assert tokenizer.size == 200 + 5
