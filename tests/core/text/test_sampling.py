"""What a step sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import TextSettings
from core.errors import InputError
from core.text.corpus import write_corpus
from core.text.encoded import encode_corpus
from core.text.sampling import Choice, Sampler, Visits, probabilities
from core.text.shuffle import Shuffle, permuted, round_keys
from core.text.split import split
from tests.core.drawing import draw

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=20).filter(any)


@given(st.integers(1, 3000), st.integers(0, 10**6))
def test_a_shuffle_is_a_permutation(n, seed):
    order = Shuffle(n, (seed, 1))[np.arange(n)]
    assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize("n", [2**20 - 1, 2**20, 2**20 + 1, 2**40 + 1])
def test_a_shuffle_of_many_keeps_its_positions_apart_and_inside(n):
    positions = np.random.default_rng(0).integers(0, n, 5_000)
    values = Shuffle(n, (1, 2))[positions]
    assert len(set(values.tolist())) == len(set(positions.tolist()))
    assert (values >= 0).all()
    assert (values < n).all()


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 9)), min_size=1, max_size=40))
def test_positions_of_many_orders_are_those_of_each(orders):
    sizes = np.array([size for size, _ in orders])
    positions = np.random.default_rng(0).integers(0, sizes)
    keys = np.stack([round_keys((seed,)) for _, seed in orders])
    expected = [
        Shuffle(n, (seed,))[np.array([at])][0] for (n, seed), at in zip(orders, positions, strict=True)
    ]
    np.testing.assert_array_equal(permuted(positions, sizes, keys), expected)


def test_nothing_is_drawn_from_an_empty_order():
    with pytest.raises(AssertionError):
        permuted(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros((1, 4), dtype=np.uint64))
    with pytest.raises(AssertionError):
        Shuffle(0, (1,))


@given(SIZES, st.floats(0, 1), st.integers(0, 10**6))
def test_an_empty_stream_is_never_drawn(sizes, exponent, seed):
    sizes = np.array(sizes)
    p = probabilities(sizes, exponent)
    assert p.sum() == pytest.approx(1)
    assert ((p == 0) == (sizes == 0)).all()
    drawn = Choice(p).sample(np.random.default_rng(seed), 300)
    assert (sizes[drawn] > 0).all()
    Visits(sizes, (1,)).next(drawn)


@given(SIZES, st.floats(0, 1), st.integers(0, 10**6))
def test_a_choice_draws_the_numbers_that_numpy_draws(sizes, exponent, seed):
    p = probabilities(np.array(sizes), exponent)
    drawn = Choice(p).sample(np.random.default_rng(seed), 50)
    expected = np.random.default_rng(seed).choice(len(p), size=50, p=p)
    np.testing.assert_array_equal(drawn, expected)


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=20), st.integers(0, 10**6))
def test_another_number_is_drawn_as_if_the_first_had_no_share(sizes, seed):
    p = probabilities(np.array(sizes), 0.7)
    numbers = np.random.default_rng(seed).integers(0, len(p), 200)
    drawn = Choice(p).others(np.random.default_rng(seed), numbers)
    assert (drawn != numbers).all()
    for number, draw_of, u in zip(numbers, drawn, np.random.default_rng(seed).random(200), strict=True):
        rest = np.where(np.arange(len(p)) == number, 0, p)
        ends = np.cumsum(rest) / rest.sum()
        # up to rounding at the ends
        assert ends[draw_of] - rest[draw_of] / rest.sum() - 1e-9 <= u <= ends[draw_of] + 1e-9


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99))
def test_each_epoch_of_a_stream_visits_all_its_positions_once(sizes, seed):
    visits, rng = Visits(np.array(sizes), (seed,)), np.random.default_rng(seed)
    seen: list[list[int]] = [[] for _ in sizes]
    for _ in range(12):
        streams = rng.integers(0, len(sizes), rng.integers(1, 12))
        for stream, position in zip(streams, visits.next(streams), strict=True):
            seen[stream].append(int(position))
    for stream, size in enumerate(sizes):
        for epoch in range(len(seen[stream]) // size):
            part = seen[stream][epoch * size : (epoch + 1) * size]
            assert part == Shuffle(size, (seed, stream, epoch))[np.arange(size)].tolist()
    assert visits.counts.tolist() == [len(positions) for positions in seen]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99))
def test_from_its_end_an_epoch_is_visited_backwards(sizes, seed):
    streams = np.repeat(np.arange(len(sizes)), sizes)
    forwards, backwards = (
        Visits(np.array(sizes), (seed,)).next(streams, from_end=from_end) for from_end in (False, True)
    )
    for stream in range(len(sizes)):
        epoch = streams == stream
        np.testing.assert_array_equal(backwards[epoch], forwards[epoch][::-1])


def test_shuffles_of_different_seeds_differ_and_look_random():
    n = 5000
    order, other_order = (Shuffle(n, (seed,))[np.arange(n)] for seed in (1, 2))
    assert (order == other_order).mean() < 0.01
    # neighbours end up far apart: the mean distance of two random positions is n / 3
    assert abs(np.abs(np.diff(order)).mean() / (n / 3) - 1) < 0.05


def test_probabilities_follow_the_exponent():
    np.testing.assert_allclose(
        probabilities(np.array([1000, 10]), 0.7), np.array([1000**0.7, 10**0.7]) / (1000**0.7 + 10**0.7)
    )


def sampler(encoded, seed=3, **text):
    settings = TextSettings(held_out=50, **text)
    return Sampler(split(encoded, settings, seed, True), settings, seed)


def test_held_out_meanings_are_never_drawn(encoded):
    draws = sampler(encoded)
    for step in range(1, 30):
        drawn = draw(draws, step, 32, 32, 32, 2)
        rows = np.concatenate([drawn.mmlm, drawn.tlm.ravel(), drawn.xlco.ravel()])
        assert not np.isin(np.asarray(encoded.meaning)[rows], draws.split.held_out).any()
    assert len(draws.split.held_out) == 50


def test_pairs_translate_each_other_and_hold_the_pivot(encoded):
    drawn = draw(sampler(encoded), 1, 200, 200, 200)
    meaning, language = np.asarray(encoded.meaning), np.asarray(encoded.language)
    for pairs in (drawn.tlm, drawn.xlco):
        assert (meaning[pairs[:, 0]] == meaning[pairs[:, 1]]).all()
        tags = [{encoded.languages[i] for i in language[pair]} for pair in pairs]
        assert all("en" in pair and len(pair) == 2 for pair in tags)


def test_without_a_pivot_all_pairs_occur(encoded):
    drawn = draw(sampler(encoded, pivot=None), 1, 0, 300, 0)
    assert {tuple(sorted(pair)) for pair in np.asarray(encoded.language)[drawn.tlm].tolist()} == {
        (0, 1),
        (0, 2),
        (1, 2),
    }


def test_an_epoch_visits_every_sentence_once(encoded):
    draws = sampler(encoded)
    size = int(draws.split.singles.sizes[0])
    seen = np.concatenate([draw(draws, step, 64, 0, 0).mmlm for step in range(80)])
    of_first = seen[np.asarray(encoded.language)[seen] == 0]
    assert len(set(of_first[:size].tolist())) == size


def test_the_mixed_pairs_of_an_example_share_their_languages(encoded):
    drawn = draw(sampler(encoded), 1, 0, 0, 50, 2).xlco
    tags = np.asarray(encoded.language)[drawn].reshape(50, 2, 2)
    assert (tags[:, 0] == tags[:, 1]).all()


def test_across_languages_each_mixed_pair_has_languages_and_sides_of_its_own(encoded):
    drawn = draw(sampler(encoded, pivot=None), 1, 0, 0, 4000, 2, mix_languages=True).xlco
    meaning, tags = (
        np.asarray(column)[drawn].reshape(4000, 2, 2) for column in (encoded.meaning, encoded.language)
    )
    assert (meaning[..., 0] == meaning[..., 1]).all()
    languages = np.sort(tags, axis=-1)
    assert (languages[:, 0] != languages[:, 1]).any(axis=-1).all()
    # three pairs of languages, equally large: 1/3 each; binomial, four standard deviations are 0.03
    for slot in (0, 1):
        shares = [(languages[:, slot] == pair).all(axis=-1).mean() for pair in ((0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(shares, 1 / 3, atol=0.03)
    swapped = tags[..., 0] > tags[..., 1]
    modes = swapped[:, 0] * 2 + swapped[:, 1]
    np.testing.assert_allclose(np.bincount(modes) / 4000, 0.25, atol=0.03)


def test_across_languages_needs_no_second_pair_of_languages(tokenizer, tmp_path):
    corpus = write_corpus([(i, tag, f"dog {i}") for i in range(30) for tag in ("en", "fr")], tmp_path / "c")
    draws = sampler(encode_corpus(corpus, tokenizer, tmp_path / "e", 16))
    assert draw(draws, 1, 0, 0, 5, 2, mix_languages=True).xlco.shape == (10, 2)


def test_a_restored_sampler_goes_on_as_if_nothing_happened(encoded):
    draws, again = sampler(encoded), sampler(encoded)
    for step in range(1, 6):
        draw(draws, step, 16, 16, 16)
    again.restore(draws.state())
    for a, b in zip(
        vars(draw(draws, 6, 16, 16, 16)).values(),
        vars(draw(again, 6, 16, 16, 16)).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_step_is_a_function_of_seed_step_and_counters(encoded):
    draws = sampler(encoded, pivot=None)
    history = [draw(draws, step, 16, 16, 16, 2, mix_languages=True) for step in range(1, 9)]
    counters = draws.state()
    last = draw(draws, 9, 16, 16, 16, 2, mix_languages=True)
    # another history that ends at the same counters, and a step that was drawn twice
    again = sampler(encoded, pivot=None)
    draw(again, 7, 5, 5, 5)
    for _ in range(2):
        again.restore(counters)
        for a, b in zip(
            vars(last).values(), vars(draw(again, 9, 16, 16, 16, 2, mix_languages=True)).values(), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(history[0].mmlm, last.mmlm)


def test_an_unknown_pivot_is_refused(encoded):
    with pytest.raises(InputError, match="pivot"):
        split(encoded, TextSettings(pivot="sw"), 1, True)


def test_one_language_trains_mmlm_but_no_pairs(tokenizer, tmp_path):
    corpus = write_corpus([(i, "en", f"dog {i}") for i in range(30)], tmp_path / "c")
    encoded = encode_corpus(corpus, tokenizer, tmp_path / "e", 16)
    with pytest.raises(InputError, match="tlm"):
        split(encoded, TextSettings(), 1, needs_pairs=True)
    assert split(encoded, TextSettings(), 1, needs_pairs=False).singles.sizes.tolist() == [24]
