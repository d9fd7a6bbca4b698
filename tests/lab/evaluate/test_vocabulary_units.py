"""Nats per sentence: the same pairs under every tokenizer, and the loss of a reader that knows nothing."""

import math

import numpy as np
import pytest

from core.errors import InputError
from lab import store
from lab.evaluate.effort import StudyProtocol
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.vocabulary_units import _pairs, vocabulary_units
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import tiny

PROTOCOL = StudyProtocol(candidates=4, sentences=400, truth_sentences=2, directions=1)


def trained(name, **tokenizer):
    settings = tiny(steps=1, tokenizer={"vocabulary": 400, **tokenizer}, contrast={"enabled": False})
    run_training(*start_run(name, settings, None))
    return load_run(store.open_run(name))


def test_all_tokenizers_read_the_same_pairs_and_a_fresh_model_needs_log_vocabulary_for_every_token(runs):
    loaded = {
        name: trained(name, **changes)
        for name, changes in {
            "vocap": {"allocation": "vocap"},
            "joint": {"allocation": "joint", "algorithm": "unigram"},
        }.items()
    }
    drawn = {name: _pairs(each, 400, 1) for name, each in loaded.items()}
    assert [(e.meaning, e.languages) for e in drawn["vocap"]] == [
        (e.meaning, e.languages) for e in drawn["joint"]
    ]
    for name, each in loaded.items():
        (mmlm, tlm) = vocabulary_units(each, PROTOCOL)
        assert (mmlm["metric"].iloc[0], tlm["metric"].iloc[0]) == ("mmlm_meaning", "tlm_meaning")
        tokens = np.mean([len(side) - 2 for example in drawn[name] for side in example.whole])
        value = mmlm["total"].sum() / mmlm["weight"].sum()
        # a fresh model of small weights is near uniform; hidden tokens are 15 % of 800 sentences' within some per cent
        assert value == pytest.approx(tokens * math.log(each.tokenizer.size), rel=0.1)


def test_a_run_with_byte_pairs_has_no_such_units(runs):
    assert list(vocabulary_units(trained("bpe"), PROTOCOL)) == []


def test_a_vocabulary_without_room_for_the_languages_is_refused_before_training(runs):
    with pytest.raises(InputError, match="the smallest vocabularies of 3 languages"):
        trained("small", allocation="vocap", vocabulary=60)
