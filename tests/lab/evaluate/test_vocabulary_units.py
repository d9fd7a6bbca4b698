"""Nats per sentence: the same pairs under every tokenizer, and the loss of a reader that knows nothing."""

import math

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.text.corpus import write_corpus
from lab import store
from lab.evaluate.effort import StudyProtocol
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.vocabulary_units import _each_token_once, _pairs, retrieval_by_language, vocabulary_units
from lab.starting import start_run
from lab.training import run_training
from lab.world import World
from tests.lab.runs import tiny

WHOLE = ("mmlm_meaning", "tlm_meaning")
PROTOCOL = StudyProtocol(candidates=4, sentences=400, truth_sentences=2, directions=1)


def trained(name, corpus=None, **tokenizer):
    settings = tiny(steps=1, tokenizer={"vocabulary": 400, **tokenizer}, contrast={"enabled": False})
    run_training(*start_run(name, settings, corpus))
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
        (mmlm, tlm) = (part for part in vocabulary_units(each, PROTOCOL) if part["metric"].iloc[0] in WHOLE)
        assert (mmlm["metric"].iloc[0], tlm["metric"].iloc[0]) == ("mmlm_meaning", "tlm_meaning")
        tokens = np.mean([len(side) - 2 for example in drawn[name] for side in example.whole])
        value = mmlm["total"].sum() / mmlm["weight"].sum()
        # a fresh model of small weights is near uniform; hidden tokens are 15 % of 800 sentences' within some per cent
        assert value == pytest.approx(tokens * math.log(each.tokenizer.size), rel=0.1)


def test_each_token_of_a_sentence_is_hidden_once_and_the_ends_never():
    for length in (2, 3, 9, 40):
        ids = np.arange(100, 100 + length)
        copies = list(_each_token_once(ids, 7, np.random.default_rng(length)))
        hidden = sum((shown == 7).astype(int) for shown in copies)
        np.testing.assert_array_equal(hidden, [0, *[1] * (length - 2), 0] if copies else 0)
        assert all((shown[shown != 7] == ids[shown != 7]).all() for shown in copies)
        # a seventh of the tokens at a time, which is 15 % to a token
        assert all((shown == 7).sum() <= -(-(length - 2) // 7) for shown in copies)


def test_languages_are_compared_on_the_meanings_that_all_tell(runs, tmp_path):
    world = World.load(("ar", "en", "zh"))
    rows = [row for row in world.rows(world.draw(300, 5), 5) if row[1] != "zh" or row[0] % 2]
    write_corpus(rows, tmp_path / "unequal")
    loaded = trained("unequal", tmp_path / "unequal", allocation="vocap")
    held_out = loaded.run.held_out()
    common = set.intersection(*(set(part["meaning"]) for _, part in held_out.groupby("language")))
    assert common < set(held_out["meaning"])
    table = pd.concat(vocabulary_units(loaded, PROTOCOL))
    for tag in ("ar", "en", "zh"):
        of_tag = table[table["metric"] == f"mmlm_language_{tag}"]
        assert set(of_tag["unit"]) == common
        tokens = [len(ids) - 2 for ids in loaded.tokenizer.encode(
            held_out[(held_out["language"] == tag) & held_out["meaning"].isin(common)]["text"].tolist())]  # fmt: skip
        # every token of a fresh model costs about log vocabulary
        assert of_tag["total"].sum() == pytest.approx(sum(tokens) * math.log(loaded.tokenizer.size), rel=0.05)
        for kind in ("worst", "spread"):
            part = table[(table["metric"] == f"mmlm_{kind}") & (table["part"] == tag)]
            assert part["total"].tolist() == of_tag["total"].tolist()


def test_retrieval_of_a_language_is_the_mean_over_the_directions_that_it_takes_part_in():
    rng = np.random.default_rng(1)
    sentences = pd.DataFrame(
        [(m, tag, f"{tag} {m}") for tag in ("ar", "en", "zh") for m in range(20)],
        columns=["meaning", "language", "text"],
    )
    directions = retrieval(sides_of(sentences, rng.normal(size=(60, 3))))
    table = pd.concat(retrieval_by_language(directions))
    for tag in ("ar", "en", "zh"):
        of_tag = table[table["metric"] == f"retrieval_language_{tag}"]
        slow = np.mean([each.accuracy for each in directions if tag in (each.source, each.target)])
        assert of_tag["total"].sum() / of_tag["weight"].sum() == pytest.approx(slow)
        assert of_tag["chance"].tolist() == pytest.approx([1 / 20] * len(of_tag))


def test_a_run_with_byte_pairs_has_no_such_units(runs):
    assert list(vocabulary_units(trained("bpe"), PROTOCOL)) == []


def test_a_vocabulary_without_room_for_the_languages_is_refused_before_training(runs):
    with pytest.raises(InputError, match="the smallest vocabularies of 3 languages"):
        trained("small", allocation="vocap", vocabulary=60)
