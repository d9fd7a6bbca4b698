"""Word alignment against gold links, and `lab align`."""

import json
from pathlib import Path

import pandas as pd
import pytest

from core.errors import InputError
from core.text.alignment.links import align_both_ways, joined
from core.text.alignment.model import MODEL_1
from core.text.alignment.pairs import WordPairs
from core.text.corpus import write_corpus
from lab import cli
from lab.evaluate.alignment import GoldPair, align_text, alignment_error, read_gold, world_gold
from lab.world import World
from lab.world.language import load_language

GOLD = Path(__file__).parents[4] / "shared" / "data" / "alignment"


def gold_pair(sure, possible=()):
    return GoldPair(("a", "b", "c"), ("x", "y", "z"), frozenset(sure), frozenset(possible))


def test_the_error_rate_is_that_of_its_definition():
    gold = [gold_pair({(0, 0), (1, 1)}, {(2, 2)}), gold_pair({(0, 0)})]
    links = [frozenset({(0, 0), (2, 2), (2, 1)}), frozenset({(0, 0)})]
    error = alignment_error(links, gold)
    # sure hits 1 + 1, allowed 2 + 1, links 3 + 1, sure links 2 + 1
    assert error.rate == pytest.approx(1 - (2 + 3) / (4 + 3))
    assert (error.precision, error.recall) == (pytest.approx(3 / 4), pytest.approx(2 / 3))
    assert error.low < error.rate < error.high


def test_perfect_links_and_none_have_intervals_that_are_no_points():
    gold = [gold_pair({(0, 0), (1, 1)})] * 8
    perfect = alignment_error([pair.sure for pair in gold], gold)
    assert (perfect.rate, perfect.low) == (0.0, 0.0)
    assert 0 < perfect.high < 0.5
    empty = alignment_error([frozenset()] * 8, gold)
    assert (empty.rate, empty.high, empty.precision) == (1.0, 1.0, 0.0)
    assert 0.5 < empty.low < 1


def test_nothing_to_compare_is_refused():
    with pytest.raises(InputError, match="expected links and sure links"):
        alignment_error([frozenset()], [gold_pair(())])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a b\tx y\t0-0 2-1\t", "line 2: link 2-1 lies outside of 2 and 2 words"),
        ("a b\tx y\t0:0\t", "line 2: expected links such as 0-0 1-2"),
        ("a b\tx y\t0-0-1\t", "line 2: expected links such as 0-0 1-2"),
    ],
)
def test_a_damaged_table_of_gold_links_is_refused_with_its_line(tmp_path, line, message):
    (tmp_path / "gold.tsv").write_text(f"source\ttarget\tsure\tpossible\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_gold(tmp_path / "gold.tsv")


def test_a_table_without_a_column_is_refused(tmp_path):
    (tmp_path / "gold.tsv").write_text("source\ttarget\na\tx\n", encoding="utf-8")
    with pytest.raises(InputError, match="sure, possible is missing"):
        read_gold(tmp_path / "gold.tsv")


@pytest.mark.skipif(not GOLD.is_dir(), reason="the shared gold alignments are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "model_1", "forward", "intersection"), [("en-fr", 0.51, 0.31, 0.25), ("zh-en", 0.60, 0.52, 0.48)]
)
def test_the_aligner_reaches_the_error_rates_of_its_peer_on_people_s_links(
    name, model_1, forward, intersection
):
    gold = read_gold(GOLD / f"{name}.test.tsv")
    sides = [
        [[word.lower() for word in getattr(pair, side)] for pair in gold] for side in ("source", "target")
    ]
    words = WordPairs.of(*sides)
    of_model_1 = [links for links, _ in align_both_ways(words, MODEL_1)]
    assert alignment_error(of_model_1, gold).rate == pytest.approx(model_1, abs=0.03)
    directions = align_both_ways(words)
    for method, expected in (("forward", forward), ("intersection", intersection)):
        links = [joined(*each, method=method) for each in directions]
        assert alignment_error(links, gold).rate == pytest.approx(expected, abs=0.03)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text") / "corpus"
    world = World.load(("en", "fr"))
    rows = world.rows(world.draw(400, 1), 1)
    write_corpus(rows, folder, source="a test", licence="none", world=world.settings)
    return folder


def test_the_links_of_a_world_join_words_of_one_meaning(corpus):
    world = World.load(("en", "fr"))
    table = pd.DataFrame(world.rows(world.draw(400, 1), 1), columns=["meaning", "language", "text"])
    aligned = align_text(table, ("en", "fr")).table
    pairs = {(row.source[i], row.target[j]) for row in aligned.itertuples() for i, j in row.links}
    # words that the world translates without a choice
    assert {("maria", "maria"), ("paris", "paris"), (".", ".")} <= pairs
    assert ("maria", "paris") not in pairs


def lab(capsys, *words):
    code = cli.run([str(word) for word in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_writes_links_and_measures_them(corpus, tmp_path, capsys):
    gold = tmp_path / "gold.tsv"
    gold.write_text("source\ttarget\tsure\tpossible\nmaria\tmaria\t0-0\t\n", encoding="utf-8")
    options = ["--languages", "en", "fr", "--gold", gold, "--out", tmp_path / "links.jsonl"]
    code, out, _ = lab(capsys, "align", corpus, *options, "--json")
    document = json.loads(out)
    assert code == 0
    assert {row["method"] for row in document["rows"]} >= {"intersection", "grow-diag-final-and"}
    assert all(row["n"] == 1 and row["low"] <= row["aer"] <= row["high"] for row in document["rows"])
    lines = [json.loads(line) for line in (tmp_path / "links.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(set(line) == {"meaning", "source", "target", "links"} for line in lines)
    assert len(lines) == document["pairs"] == 400
    assert sum(len(line["links"]) for line in lines) == document["links"]
    code, _, err = lab(capsys, "align", corpus, *options)
    assert code == 2
    assert "--overwrite" in err
    code, out, _ = lab(capsys, "align", corpus, "--languages", "en", "fr", "--gold", gold)
    assert code == 0
    assert "maria=maria" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--languages", "en", "en"], "expected two languages, got en twice"),
        (["--languages", "en", "xx"], "expected two languages out of en fr, got xx"),
        (["--languages", "en", "fr", "--iterations", "0"], "--iterations from 1"),
        (["--languages", "en", "fr", "--tension", "-1"], "--tension from 0"),
        (["--languages", "en", "fr", "--gold", "nowhere.tsv"], "there is no file nowhere.tsv"),
        (["--languages", "en", "fr", "--out", "no/where.tsv"], "there is no folder no"),
    ],
)
def test_a_mistake_gets_one_line(corpus, capsys, options, message):
    code, _, err = lab(capsys, "align", corpus, *options)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


LANGUAGES = ("ar", "de", "en", "hi", "ru", "th", "tr", "zh")


@pytest.mark.parametrize("facts", [1, 2])
def test_spans_name_the_same_slots_in_every_language_and_lie_in_the_sentence(facts):
    world = World.load(LANGUAGES, facts=facts)
    for meaning in world.draw(60, 3):
        slots = []
        for tag in LANGUAGES:
            text = world.sentence(int(meaning), tag)
            spans = world.slot_spans(int(meaning), tag)
            assert all(text[span.start : span.end].strip() for span in spans)
            slots.append({span.slot for span in spans})
        # an Arabic dual needs no numeral
        assert all(
            each | {f"{fact}.number" for fact in range(facts)} >= slots[2] >= each - {""} for each in slots
        )


def test_a_span_holds_a_form_of_its_filler_and_nothing_else():
    world = World.load(("en", "fr"))
    tables = load_language("en").tables
    compared = 0
    for meaning in world.draw(200, 1):
        text = world.sentence(int(meaning), "en")
        for span in world.slot_spans(int(meaning), "en"):
            name = span.slot.removeprefix("0.")
            if name in tables:
                forms = {form.strip().lower() for row in tables[name].rows.values() for form in row}
                assert text[span.start : span.end].lower() in forms
                compared += 1
    assert compared > 400


def test_the_exact_links_of_a_world_are_met_nearly_by_the_aligner(corpus, capsys):
    code, out, _ = lab(capsys, "align", corpus, "--languages", "en", "fr", "--json")
    assert code == 0
    (row,) = [row for row in json.loads(out)["rows"] if row["method"] == "intersection"]
    assert row["n"] == 500
    # 400 sentences of a world whose words translate one by one
    assert row["aer"] < 0.25
    assert row["high"] < 0.3


def test_exact_links_are_sure_where_a_slot_has_one_word_and_join_no_two_slots():
    world = World.load(("en", "ar"))
    for pair in world_gold(world, ("en", "ar"), 50):
        assert pair.sure
        assert not pair.sure & pair.possible
        sources = [i for i, _ in pair.sure]
        assert max(map(sources.count, sources)) <= 4
