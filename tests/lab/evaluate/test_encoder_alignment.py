"""Word alignment by an encoder's states: chance levels, known answers, gold tables, and the command on a run."""

import json

import numpy as np
import pytest
import torch

from core.config import ModelSettings, Settings
from core.errors import InputError
from core.model.infoxlm import language_model
from core.objectives import build_model
from core.text.tokenizer import train_tokenizer
from lab.cli import run as lab
from lab.evaluate.alignment import GoldPair, error_of_counts
from lab.evaluate.encoder_alignment import (
    diagonal_counts,
    encoder_counts,
    encoder_links,
    over_units,
    random_counts,
    words_of,
)
from lab.evaluate.gold_text import GoldText, gold_of_tables, gold_of_world, spelled
from lab.world import World
from tests.lab.runs import FLAGS

WORDS = ("maria", "bought", "two", "red", "chairs", "in", "paris")


def text_of(*pairs: GoldPair) -> GoldText:
    return GoldText(
        ("en", "fr"),
        pairs,
        [spelled(pair.source) for pair in pairs],
        [spelled(pair.target) for pair in pairs],
        np.arange(len(pairs)),
    )


def pair(source, target, sure, possible=()):
    return GoldPair(tuple(source), tuple(target), frozenset(sure), frozenset(possible))


@pytest.fixture(scope="module")
def encoder():
    tokenizer = train_tokenizer([" ".join(WORDS)] * 4, 120)
    settings = Settings(
        model=ModelSettings(layers=2, hidden=32, heads=2, feedforward=32, max_tokens=32, embedding_std=1.0),
        contrast={"layer": 1},
        optimizer={"warmup": 1},
    )
    return build_model(language_model(settings.model, tokenizer.size, 0), settings), tokenizer


def test_links_at_random_miss_as_often_as_many_draws_of_them():
    text = text_of(
        pair("abc", "uvwxy", {(0, 0), (1, 3)}, {(2, 4)}), pair("abcd", "xy", {(0, 0), (3, 1)}), pair("", "x", ())
    )  # fmt: skip
    rng, draws = np.random.default_rng(0), []
    for _ in range(4000):
        rows = []
        for each in text.pairs:
            n, m = len(each.source), len(each.target)
            size = min(n, m)
            links = set(
                zip(rng.permutation(n)[:size].tolist(), rng.permutation(m)[:size].tolist(), strict=True)
            )
            rows.append(
                (len(links & each.sure), len(links & (each.sure | each.possible)), size, len(each.sure))
            )
        draws.append(rows)
    # the deviation of a mean of 4000 counts of a few units is below 0.02
    assert random_counts(text) == pytest.approx(np.mean(draws, axis=0), abs=0.06)


def test_the_diagonal_links_a_copy_perfectly_and_each_word_of_the_shorter_side_once():
    copy = text_of(pair("abc", "abc", {(0, 0), (1, 1), (2, 2)}))
    assert error_of_counts(diagonal_counts(copy)).rate == 0
    for source, target in (("ab", "uvwxyz"), ("uvwxyz", "ab")):
        (counts,) = diagonal_counts(text_of(pair(source, target, {(0, 0)})))
        assert counts[2] == 2


def test_an_encoder_links_the_words_of_a_sentence_to_those_of_its_shuffle_at_the_embeddings(encoder):
    model, tokenizer = encoder
    with torch.no_grad():
        model.encoder.embeddings.position_embeddings.weight.zero_()
    order = np.random.default_rng(1).permutation(len(WORDS)).tolist()
    shuffled = [WORDS[at] for at in order]
    text = text_of(pair(WORDS, shuffled, {(i, j) for j, i in enumerate(order)}))
    counts = encoder_counts(model, tokenizer, [text])
    assert set(counts) == {(layer, method) for layer in range(3) for method in ("argmax", "itermax")}
    assert error_of_counts(counts[0, "argmax"][0]).rate == 0


def test_every_sentence_pair_gets_links_whatever_its_length(encoder):
    model, tokenizer = encoder
    sides = [spelled(()), spelled(("maria",)), spelled(WORDS * 9), spelled(("paris", "red"))]
    links = list(encoder_links(model, tokenizer, sides, sides[::-1]))
    assert len(links) == 3 * len(sides) * 2
    for _, link in links:
        assert all(0 <= i < 63 and 0 <= j < 63 for i, j in link)
    # words that the encoder's longest input cuts off have no link
    cut = [link for number, (_, link) in enumerate(links) if number // 2 % 4 == 2]
    assert max(i for link in cut for i, _ in link) < 32


def test_a_token_belongs_to_the_words_it_shares_a_character_with():
    assert words_of((3, 7), [(0, 3), (4, 7), (8, 9)]) == [1]
    assert words_of((2, 9), [(0, 3), (4, 7), (8, 9)]) == [0, 1, 2]
    assert words_of((3, 4), [(0, 3), (4, 7)]) == []


def test_sentences_of_one_meaning_are_one_unit_of_the_interval():
    text = text_of(*[pair("ab", "ab", {(0, 0), (1, 1)})] * 30)
    counts = diagonal_counts(text).copy()
    counts[::2, :2] = 0
    twice = over_units([text, text], [counts, counts])
    single = over_units([text], [counts])
    assert (twice.rate, twice.low, twice.high, twice.n) == (single.rate, single.low, single.high, 30)


def test_words_are_spelled_with_spaces_where_their_script_has_them():
    sentence = spelled(("我", "喜欢", "Don", "'", "t", "ไทย", "ดี"))
    assert sentence.text == "我喜欢 Don ' t ไทยดี"
    assert [sentence.text[begin:end] for begin, end in sentence.spans] == [
        "我",
        "喜欢",
        "Don",
        "'",
        "t",
        "ไทย",
        "ดี",
    ]


def test_the_sentences_of_a_world_stand_beside_its_exact_links():
    world = World.load(("en", "fr", "zh"))
    meanings = world.draw(20, 3)
    texts = gold_of_world(world, meanings, [("en", "zh"), ("fr", "zh")])
    assert [text.languages for text in texts] == [("en", "zh"), ("fr", "zh")]
    for text in texts:
        for at, links in enumerate(text.pairs):
            assert text.source[at].text == world.sentence(int(meanings[at]), text.languages[0])
            for words, side in ((links.source, text.source[at]), (links.target, text.target[at])):
                assert [side.text[begin:end].lower() for begin, end in side.spans] == list(words)


def test_tables_of_one_pair_are_read_together(tmp_path):
    for name in ("en-fr.dev.tsv", "en-fr.test.tsv", "de-en.tsv"):
        (tmp_path / name).write_text("source\ttarget\tsure\tpossible\na\tb\t0-0\t\n", encoding="utf-8")
    texts = gold_of_tables(tmp_path)
    assert [(text.languages, text.units.tolist()) for text in texts] == [
        (("de", "en"), [0]),
        (("en", "fr"), [1, 2]),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [("links.tsv", "begins with two languages"), ("en-fr.csv", "expected a table of gold links")],
)
def test_a_folder_without_tables_or_with_a_nameless_table_is_refused(tmp_path, name, message):
    (tmp_path / name).write_text("source\ttarget\tsure\tpossible\na\tb\t0-0\t\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        gold_of_tables(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def trained(runs, monkeypatch, capsys):
    """A run that is trained once for all tests of this file."""
    monkeypatch.setenv("PARALLAX_RUNS", str(runs))
    if not (runs / "r").is_dir():
        assert lab(["train", "toy", "--name", "r", *FLAGS, "--steps", "5"]) == 0
    capsys.readouterr()


def test_the_command_measures_every_layer_against_the_exact_links_of_the_world(trained, capsys):
    assert lab(["evaluate", "r", "--task", "alignment", "--sentences", "20", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {(row["layer"], row["method"]) for row in document["layers"]} == {
        (layer, method) for layer in (0, 1) for method in ("argmax", "itermax")
    }
    assert {(row["source"], row["target"]) for row in document["rows"]} == {
        ("ar", "en"),
        ("ar", "zh"),
        ("en", "zh"),
    }
    for row in (*document["layers"], *document["rows"]):
        assert 0 <= row["low"] <= row["aer"] <= row["high"] <= 1
        assert row["n"] == 20
    assert 0.5 < document["chance"] < 1
    assert lab(["evaluate", "r", "--task", "alignment", "--sentences", "20"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert lab(["show", "r"]) == 0
    assert "alignment error rate, 20 meanings" in capsys.readouterr().out


def test_the_command_measures_on_links_that_people_made(trained, tmp_path, capsys):
    (tmp_path / "en-zh.tsv").write_text(
        "source\ttarget\tsure\tpossible\nI like tea\t我 喜欢 茶\t0-0 1-1 2-2\t\n", encoding="utf-8"
    )
    assert lab(["evaluate", "r", "--task", "alignment", "--gold", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["gold"] == str(tmp_path)
    assert {row["n"] for row in document["rows"]} == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sentences", "0"], "expected --sentences from 1, got 0"),
        (["--pairs", "-1"], "expected --pairs from 1, got -1"),
        (["--gold", "nowhere"], "got nowhere"),
    ],
)
def test_a_mistake_gets_one_line(trained, capsys, options, message):
    assert lab(["evaluate", "r", "--task", "alignment", *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.strip().splitlines()) == 1
