"""What a step sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import TextSettings
from core.errors import InputError
from core.text.corpus import write_corpus
from core.text.encoded import encode_corpus
from core.text.sampling import Sampler, Shuffle, probabilities, split


@given(st.integers(1, 3000), st.integers(0, 10**6))
def test_a_shuffle_is_a_permutation(n, seed):
    order = Shuffle(n, (seed, 1))[np.arange(n)]
    assert sorted(order.tolist()) == list(range(n))


def test_shuffles_of_different_seeds_differ_and_look_random():
    n = 5000
    first, second = (Shuffle(n, (seed,))[np.arange(n)] for seed in (1, 2))
    assert (first == second).mean() < 0.01
    # neighbours end up far apart: the mean distance of two random positions is n / 3
    assert abs(np.abs(np.diff(first)).mean() / (n / 3) - 1) < 0.05


def test_probabilities_follow_the_exponent():
    np.testing.assert_allclose(
        probabilities(np.array([1000, 10]), 0.7), np.array([1000**0.7, 10**0.7]) / (1000**0.7 + 10**0.7)
    )


def sampler(encoded, seed=3, **text):
    settings = TextSettings(held_out=50, **text)
    return Sampler(split(encoded, settings, seed, True), settings, seed)


def test_held_out_meanings_are_never_drawn(encoded):
    made = sampler(encoded)
    for step in range(1, 30):
        drawn = made.draw(step, 32, 32, 32, 2)
        rows = np.concatenate([drawn.mmlm, drawn.tlm.ravel(), drawn.xlco.ravel()])
        assert not np.isin(np.asarray(encoded.meaning)[rows], made.split.held_out).any()
    assert len(made.split.held_out) == 50


def test_pairs_translate_each_other_and_hold_the_pivot(encoded):
    drawn = sampler(encoded).draw(1, 200, 200, 200)
    meaning, language = np.asarray(encoded.meaning), np.asarray(encoded.language)
    for pairs in (drawn.tlm, drawn.xlco):
        assert (meaning[pairs[:, 0]] == meaning[pairs[:, 1]]).all()
        tags = [{encoded.languages[i] for i in language[pair]} for pair in pairs]
        assert all("en" in pair and len(pair) == 2 for pair in tags)


def test_without_a_pivot_all_pairs_occur(encoded):
    drawn = sampler(encoded, pivot=None).draw(1, 0, 300, 0)
    assert {tuple(sorted(pair)) for pair in np.asarray(encoded.language)[drawn.tlm].tolist()} == {
        (0, 1),
        (0, 2),
        (1, 2),
    }


def test_an_epoch_visits_every_sentence_once(encoded):
    made = sampler(encoded)
    size = len(made.split.singles[0])
    seen = np.concatenate([made.draw(step, 64, 0, 0).mmlm for step in range(80)])
    of_first = seen[np.asarray(encoded.language)[seen] == 0]
    assert len(set(of_first[:size].tolist())) == size


def test_the_mixed_pairs_of_an_example_share_their_languages(encoded):
    drawn = sampler(encoded).draw(1, 0, 0, 50, 2).xlco
    tags = np.asarray(encoded.language)[drawn].reshape(50, 2, 2)
    assert (tags[:, 0] == tags[:, 1]).all()


def test_across_languages_each_mixed_pair_has_languages_and_sides_of_its_own(encoded):
    drawn = sampler(encoded, pivot=None).draw(1, 0, 0, 4000, 2, across=True).xlco
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
    made = sampler(encode_corpus(corpus, tokenizer, tmp_path / "e", 16))
    assert made.draw(1, 0, 0, 5, 2, across=True).xlco.shape == (10, 2)


def test_a_restored_sampler_goes_on_as_if_nothing_happened(encoded):
    made, again = sampler(encoded), sampler(encoded)
    for step in range(1, 6):
        made.draw(step, 16, 16, 16)
    again.restore(made.state())
    for a, b in zip(
        vars(made.draw(6, 16, 16, 16)).values(),
        vars(again.draw(6, 16, 16, 16)).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_an_unknown_pivot_is_refused(encoded):
    with pytest.raises(InputError, match="pivot"):
        split(encoded, TextSettings(pivot="sw"), 1, True)


def test_one_language_trains_mmlm_but_no_pairs(tokenizer, tmp_path):
    corpus = write_corpus([(i, "en", f"dog {i}") for i in range(30)], tmp_path / "c")
    encoded = encode_corpus(corpus, tokenizer, tmp_path / "e", 16)
    with pytest.raises(InputError, match="tlm"):
        split(encoded, TextSettings(), 1, needs_pairs=True)
    assert len(split(encoded, TextSettings(), 1, needs_pairs=False).singles[0]) == 24
