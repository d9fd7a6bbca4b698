"""What is held out of a corpus, and what never is."""

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from core.config import TextSettings
from core.errors import InputError
from core.text.corpus import write_corpus
from core.text.encoded import EncodedCorpus, EncodedWriter, encode_corpus
from core.text.hold_out import in_proportion
from core.text.identity import text_hashes
from core.text.split import split
from lab.world import World
from tests.real_shape import real_shape_corpus

LANGUAGES = ("ar", "en", "fr", "zh")
# meaning, language, text: few texts, so that many meanings share one
ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 120)), min_size=30, max_size=150
)


def encoded(folder, rows):
    """Encoded sentences without tokens of their own."""
    meaning, language, texts = zip(*rows, strict=True)
    with EncodedWriter(folder, LANGUAGES) as writer:
        lengths = np.full(len(rows), 2)
        hashes = text_hashes(map(str, texts))
        writer.add(np.tile([0, 2], len(rows)), lengths, np.array(meaning), np.array(language), hashes)
    return EncodedCorpus(folder)


def split_of(corpus, text, seed):
    """A split, unless there is too little to hold out."""
    try:
        return split(corpus, text, seed, needs_pairs=False)
    except InputError:
        reject()


def translations(rows, pivot):
    """Per pair of languages that are trained on, the meanings told in both."""
    told_in: dict[int, set[int]] = {}
    for meaning, language, _ in rows:
        told_in.setdefault(meaning, set()).add(language)
    shared: dict[tuple[int, int], list[int]] = {}
    for meaning, languages in told_in.items():
        for source in languages:
            for target in languages:
                if source < target and (pivot is None or LANGUAGES.index(pivot) in (source, target)):
                    shared.setdefault((source, target), []).append(meaning)
    return shared


@settings(max_examples=80, deadline=None)
@given(
    rows=ROWS,
    seed=st.integers(0, 99),
    count=st.sampled_from([2, 5, 1_000]),
    pivot=st.sampled_from(["en", None]),
)
def test_no_language_and_no_pair_gives_up_more_than_a_fifth_and_no_text_goes_both_ways(
    rows, seed, count, pivot, tmp_path_factory
):
    corpus = encoded(tmp_path_factory.mktemp("encoded") / "e", rows)
    parts = split_of(corpus, TextSettings(held_out=count, pivot=pivot), seed)
    held_out = set(parts.held_out.tolist())
    for language in range(len(LANGUAGES)):
        sentences = [meaning for meaning, spoken, _ in rows if spoken == language]
        assert 5 * sum(meaning in held_out for meaning in sentences) <= len(sentences)
    for meanings in translations(rows, pivot).values():
        assert 5 * sum(meaning in held_out for meaning in meanings) <= len(meanings)
    trained = {text for meaning, _, text in rows if meaning not in held_out}
    assert not trained & {text for meaning, _, text in rows if meaning in held_out}


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 99), pivot=st.sampled_from(["en", None]))
def test_training_sees_everything_that_is_not_held_out(rows, seed, pivot, tmp_path_factory):
    corpus = encoded(tmp_path_factory.mktemp("encoded") / "e", rows)
    parts = split_of(corpus, TextSettings(held_out=5, pivot=pivot), seed)
    meaning, language = np.asarray(corpus.meaning), np.asarray(corpus.language)
    trained = ~np.isin(meaning, parts.held_out)
    for number in range(len(LANGUAGES)):
        expected = np.flatnonzero((language == number) & trained)
        assert parts.singles.sizes[number] == len(expected)
        positions = np.arange(len(expected))
        np.testing.assert_array_equal(
            parts.singles.rows(np.full_like(positions, number), positions), expected
        )
        assert parts.singles.held_out[number] == ((language == number) & ~trained).sum()
    shared = {pair: np.sort(meanings) for pair, meanings in translations(rows, pivot).items()}
    assert sorted(shared) == [tuple(pair) for pair in parts.pairs.languages.tolist()]
    for number, pair in enumerate(sorted(shared)):
        expected = shared[pair][~np.isin(shared[pair], parts.held_out)]
        assert parts.pairs.held_out[number] == len(shared[pair]) - len(expected)
        positions = np.arange(parts.pairs.sizes[number])
        pairs = parts.pairs.rows(np.full_like(positions, number), positions)
        np.testing.assert_array_equal(meaning[pairs], np.stack([expected, expected], axis=1))
        assert (language[pairs] == pair).all()


@pytest.mark.parametrize(
    ("count", "digest"),
    [
        (40, "f9e220bfe29e51aed3feb2461beefe9640f3ebbb96d56633036673edf841312c"),
        (1_000, "9494e85c49b22ceaff1293b77cf658d7df5750ebf0bca8b1b39b38df6b584545"),
    ],
)
@pytest.mark.parametrize("pivot", ["en", None])
def test_text_that_is_all_parallel_holds_out_what_it_always_did(tokenizer, tmp_path, count, digest, pivot):
    # digests of the version before components and strata
    world = World.load(languages=["ar", "en", "fr"])
    corpus = write_corpus(world.rows(world.draw(400, 5), 5), tmp_path / "c")
    parts = split(
        encode_corpus(corpus, tokenizer, tmp_path / "e", 32),
        TextSettings(held_out=count, pivot=pivot),
        3,
        True,
    )
    assert parts.digest == digest
    meanings = np.unique([row.meaning for row in corpus.rows()])
    order = np.random.default_rng([3, 7]).permutation(len(meanings))
    assert parts.held_out.tolist() == sorted(meanings[order[: min(count, len(meanings) // 5)]].tolist())


@pytest.fixture(scope="module")
def real_shape(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    corpus = real_shape_corpus(folder / "c", scale=0.05)
    return corpus, encode_corpus(corpus, tokenizer, folder / "e", 16)


@pytest.mark.parametrize("pivot", ["en", None])
def test_text_of_real_shape_keeps_four_fifths_of_every_language_and_all_its_pairs(real_shape, pivot):
    corpus, ids = real_shape
    parts = split(ids, TextSettings(pivot=pivot), 1, needs_pairs=True)
    sentences = np.array([corpus.info.languages[tag] for tag in ids.languages])
    assert (parts.singles.sizes + parts.singles.held_out == sentences).all()
    assert (5 * parts.singles.held_out <= sentences).all()
    english = ids.languages.index("en")
    others = {tag for tag in ids.languages if tag not in ("en", "zh")}
    pairs = {frozenset(pair) for pair in parts.pairs.languages.tolist()}
    assert pairs == {frozenset((english, ids.languages.index(tag))) for tag in others}
    assert (parts.pairs.sizes >= 4 * parts.pairs.held_out).all()
    # three sentences have no fifth; a language without translations gives up some of its own
    held_out = dict(zip(ids.languages, parts.singles.held_out.tolist(), strict=True))
    assert held_out["de"] == 0
    assert held_out["zh"] == corpus.info.languages["zh"] // 5


def test_held_out_text_of_real_shape_is_not_trained_on(real_shape):
    corpus, ids = real_shape
    parts = split(ids, TextSettings(held_out=100), 1, needs_pairs=True)
    held_out = set(parts.held_out.tolist())
    texts = [
        {row.text for row in corpus.rows() if (row.meaning in held_out) == side} for side in (True, False)
    ]
    assert not texts[0] & texts[1]
    assert len(texts[0]) > 100


def test_small_languages_are_topped_up_to_fifty_or_a_fifth(tmp_path):
    # 100 seats: 95 fall to fr, four or five to ar, one at most to zh
    rows = [(number, 1, number) for number in range(10_000)]
    rows += [(number, 2, 20_000 + number) for number in range(9_500)]
    rows += [(number, 0, 40_000 + number) for number in range(9_500, 9_950)]
    rows += [(number, 3, 60_000 + number) for number in range(9_950, 10_000)]
    parts = split(encoded(tmp_path / "e", rows), TextSettings(held_out=100), 1, needs_pairs=True)
    held_out = dict(zip(LANGUAGES, parts.singles.held_out.tolist(), strict=True))
    assert held_out["ar"] == 50
    assert held_out["zh"] == 50 // 5
    assert 94 <= held_out["fr"] <= 96


def test_a_language_of_three_sentences_keeps_them(tmp_path):
    rows = [(number, language, 4 * number + language) for number in range(100) for language in (0, 1, 2)]
    rows += [(number, 3, 4 * number + 3) for number in range(3)]
    parts = split(encoded(tmp_path / "e", rows), TextSettings(pivot=None), 1, needs_pairs=True)
    assert parts.singles.held_out.tolist() == [20, 20, 20, 0]


def test_a_component_that_is_larger_than_a_fifth_stays_in_training(tmp_path):
    # half of the meanings say the same in English
    rows = [(number, 1, max(0, number - 50)) for number in range(100)]
    rows += [(number, 2, 1_000 + number) for number in range(100)]
    parts = split(encoded(tmp_path / "e", rows), TextSettings(), 1, needs_pairs=True)
    assert (parts.held_out > 50).all()
    # a fifth of all pairs, of the half that can be held out
    assert len(parts.held_out) == 20


def test_text_without_translations_has_a_budget_of_its_own(tmp_path):
    rows = [(number, language, 4 * number + language) for number in range(200) for language in (1, 2)]
    rows += [(1_000 + number, 3, 4_000 + number) for number in range(500)]
    parts = split(encoded(tmp_path / "e", rows), TextSettings(held_out=30), 1, needs_pairs=True)
    assert dict(zip(LANGUAGES, parts.singles.held_out.tolist(), strict=True)) == {
        "ar": 0, "en": 30, "fr": 30, "zh": 30,
    }  # fmt: skip


def test_text_without_any_translation_is_split_too(tmp_path):
    rows = [(number, number % 2 + 1, number) for number in range(100)]
    corpus = encoded(tmp_path / "e", rows)
    parts = split(corpus, TextSettings(), 1, needs_pairs=False)
    assert len(parts.pairs) == 0
    assert parts.singles.held_out.tolist() == [0, 10, 10, 0]
    with pytest.raises(InputError, match=r"no two languages.*--tlm\.no-enabled --contrast\.no-enabled"):
        split(corpus, TextSettings(), 1, needs_pairs=True)


def test_too_few_meanings_are_refused_with_their_number(tmp_path):
    rows = [(number, language, 4 * number + language) for number in range(6) for language in (0, 1, 2)]
    with pytest.raises(InputError, match="too few meanings: 1 held out, 2 needed"):
        split(encoded(tmp_path / "e", rows), TextSettings(), 1, needs_pairs=True)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(0, 300), st.integers(0, 10**6))
def test_seats_are_proportions_rounded_up_or_down(sizes, seats, seed):
    seats = min(seats, sum(sizes))
    drawn = in_proportion(np.array(sizes), seats, np.random.default_rng(seed))
    exact = np.array(sizes) * seats / sum(sizes)
    assert drawn.sum() == seats
    assert (np.abs(drawn - exact) < 1).all()


def test_every_meaning_has_the_same_chance_also_in_strata_of_less_than_a_seat():
    sizes, draws = np.array([3] * 40 + [4] * 20), 4_000
    seats = np.stack([in_proportion(sizes, 20, np.random.default_rng(seed)) for seed in range(draws)])
    # 0.3 and 0.4 seats each; four standard deviations of a mean of 4,000 are 0.031
    np.testing.assert_allclose(seats.mean(0), sizes * 20 / sizes.sum(), atol=0.031)


def test_many_languages_of_thirty_sentences_hold_out_a_fifth_each(tmp_path):
    folder, count = tmp_path / "e", 60
    with EncodedWriter(folder, tuple(f"l{number:02}" for number in range(count))) as writer:
        for number in range(count):
            meanings = np.arange(30 - number % 3)
            lengths = np.full(len(meanings), 2)
            writer.add(np.tile([0, 2], len(meanings)), lengths, meanings, np.full(len(meanings), number))
    parts = split(EncodedCorpus(folder), TextSettings(pivot=None), 1, needs_pairs=True)
    assert len(parts.pairs) == count * (count - 1) // 2
    # a fifth of 28, the smallest, is five
    assert set(parts.singles.held_out.tolist()) <= {5, 6}
    assert (5 * parts.pairs.held_out <= parts.pairs.sizes + parts.pairs.held_out).all()
