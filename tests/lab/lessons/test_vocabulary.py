"""Lesson 11: its exercises, its words, and the text that it measures on."""

import math

import pytest

from core.text.vocabulary.build import build_vocabulary
from core.vocabulary_settings import TokenizerSettings
from lab.lessons import check
from lab.lessons.scale import open_lesson
from lab.lessons.vocabulary import (
    allocated_pieces,
    allocation_in_words,
    at_price,
    costs,
    costs_in_words,
    first_gains,
    fresh_text,
    meanings_that_fit,
    next_buyer,
    pencil_alp,
    rows_of,
    unequal_text,
    vocabularies,
)

LINES = [["the", "cat"], ["the", "dog"]]


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARALLAX_RUNS", str(tmp_path_factory.mktemp("lesson")))
        yield open_lesson("smoke")


@pytest.fixture(scope="module")
def built(lesson):
    return vocabularies(lesson, unequal_text(lesson))


@pytest.fixture(scope="module")
def document(lesson, built):
    return costs(built, fresh_text(lesson))


def test_the_text_is_unequal_and_what_is_measured_on_is_parallel(lesson):
    amounts = unequal_text(lesson).info.languages
    assert min(amounts.values()) * 7 < max(amounts.values())
    assert fresh_text(lesson).groupby("language")["meaning"].nunique().nunique() == 1


def test_all_vocabularies_have_one_size_about_and_their_pieces_add_up(built):
    sizes = [each.tokenizer.size for each in built.values()]
    assert max(sizes) <= 350
    pieces = allocated_pieces(built)
    for name in pieces.columns:
        languages = pieces[name].drop(["different", "saved"])
        assert languages.sum() == pieces.loc["different", name] + pieces.loc["saved", name]


def test_the_marks_of_the_figure_stand_at_what_the_vocabulary_has_bought(built):
    vocap = built["VoCap, beta 0.7"]
    _, sizes, different = at_price(vocap)
    assert (sizes, different) == (vocap.allocated.sizes, vocap.allocated.union)


def test_words_name_the_language_that_pays_most_beside_english(document):
    sentences = costs_in_words(document)
    for name, sentence in zip(
        dict.fromkeys(row["tokenizer"] for row in document["rows"]), sentences, strict=True
    ):
        parities = {
            row["language"]: row["value"] for row in rows_of(document, name) if row["metric"] == "parity"
        }
        assert ("Arabic" if parities["ar"] > parities["zh"] else "Chinese") in sentence
        assert f"{max(parities['ar'], parities['zh']):.2f} [" in sentence
    assert all("less joint" in sentence for sentence in sentences[1:])


def test_words_tell_what_beta_moves(built):
    (sentence,) = allocation_in_words(built)
    pieces = allocated_pieces(built)
    moved = pieces["VoCap, beta 1"] - pieces["VoCap, beta 0"]
    assert f"English gains {moved['en']:+,}" in sentence


def test_exercises_know_their_answers_and_their_mistakes(built, document):
    alp = pencil_alp(LINES)
    assert check((2 * math.log(1 / 2) + 2 * math.log(1 / 4)) / 2, alp).passed
    assert "natural logarithm" in check(-2.0794 / math.log(2), alp)
    assert "divide it by the number of lines" in check(-4.1589, alp)
    buyer, gains = next_buyer(built["VoCap, beta 0.7"]), first_gains(built["VoCap, beta 0.7"])
    assert check((gains["nats a piece"] * gains["weight"]).idxmax(), buyer).passed
    assert check("xx", buyer).startswith("wrong: give the tag")
    fit = meanings_that_fit(document, "joint", "zh")
    value = {(row["language"], row["metric"]): row["value"] for row in rows_of(document, "joint")}
    assert check(value["en", "meanings_in_budget"] / value["zh", "parity"], fit).passed
    assert "wrong way up" in check(value["en", "meanings_in_budget"] * value["zh", "parity"], fit)
    # on parallel text it is what is measured
    assert fit.expected == pytest.approx(value["zh", "meanings_in_budget"])


def test_a_vocabulary_without_room_for_more_than_the_smallest_sizes_has_a_first_buyer_still(lesson):
    settings = TokenizerSettings(vocabulary=800, allocation="vocap", sizes=2, step=400)
    built = build_vocabulary(unequal_text(lesson), settings, processes=1)
    assert set(first_gains(built).index) == {"ar", "en", "zh"}
    assert next_buyer(built).right
