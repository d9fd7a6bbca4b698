"""Drawing and training on text of real shape: English-centric, unequal, duplicated, partly untranslated."""

import math

import numpy as np
import pytest

from core.config import TextSettings
from core.text.encoded import encode_corpus
from core.text.sampling import Sampler
from core.text.split import split
from core.text.tokenizer import train_tokenizer
from tests.core.drawing import draw
from tests.core.training import losses, settings, training
from tests.real_shape import real_shape_corpus


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    corpus = real_shape_corpus(folder / "c", 0.01)
    tokenizer = train_tokenizer((row.text for row in corpus.rows()), 1_000)
    return encode_corpus(corpus, tokenizer, folder / "e", 32), tokenizer


@pytest.fixture
def sampler(text):
    text_settings = TextSettings(held_out=30)
    return Sampler(split(text[0], text_settings, 3, True), text_settings, 3)


def test_an_epoch_of_every_language_visits_each_of_its_sentences_once_and_none_that_is_held_out(
    text, sampler
):
    encoded = text[0]
    language = np.asarray(encoded.language)
    held_out = np.isin(np.asarray(encoded.meaning), sampler.split.held_out)
    drawn = np.concatenate([draw(sampler, step, 64, 0, 0).mmlm for step in range(1, 101)])
    for number, size in enumerate(sampler.split.singles.sizes.tolist()):
        visited = drawn[language[drawn] == number]
        assert len(visited) >= size > 0
        assert set(visited[:size].tolist()) == set(np.flatnonzero((language == number) & ~held_out).tolist())


def test_pairs_are_translations_with_english_and_text_without_one_is_in_none(text, sampler):
    encoded = text[0]
    meaning, language = np.asarray(encoded.meaning), np.asarray(encoded.language)
    drawn = draw(sampler, 1, 0, 400, 400)
    tags = set()
    for pairs in (drawn.tlm, drawn.xlco):
        assert (meaning[pairs[:, 0]] == meaning[pairs[:, 1]]).all()
        both = [{encoded.languages[i] for i in pair} for pair in language[pairs].tolist()]
        assert all("en" in pair and len(pair) == 2 for pair in both)
        tags |= set().union(*both)
    assert tags == set(encoded.languages) - {"zh"}


def test_every_task_has_a_finite_loss(text):
    trainer = training(text, settings(steps=4))
    for step in losses(trainer):
        assert set(step) == {"mmlm", "tlm", "xlco"}
        assert all(math.isfinite(loss) and loss > 0 for loss in step.values())
