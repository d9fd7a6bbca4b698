"""`lab evaluate` on text of real shape: what it prints, what its JSON holds, what it says where nothing is there."""

import json

import pandas as pd
import pytest

from core.text.corpus import write_corpus
from lab.cli import run as lab
from lab.text import all_sentences, drawn_meanings
from tests.core.checkpoints import foreign
from tests.core.text.conftest import sentences
from tests.real_shape import real_shape_corpus


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An encoder that was never trained."""
    return str(foreign(tmp_path_factory.mktemp("checkpoint") / "xlmr", layers=2)[0])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return real_shape_corpus(tmp_path_factory.mktemp("corpus") / "c", scale=0.03)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def evaluated(capsys, *words):
    assert lab(["evaluate", *words, "--layer", "1", "--pooling", "mean", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def printed(capsys, *words):
    assert lab(["evaluate", *words, "--layer", "1", "--pooling", "mean"]) == 0
    return capsys.readouterr().out


def test_every_row_says_pool_chance_and_measure_and_the_mean_says_its_own(capsys, checkpoint, corpus):
    document = evaluated(capsys, checkpoint, "--corpus", str(corpus.folder))
    table = all_sentences(corpus)
    texts = {str(tag): part["text"].nunique() for tag, part in table.groupby("language")}
    for row in document["retrieval"]:
        assert row["pool"] == texts[row["target"]]
        assert row["chance"] >= 1 / row["pool"]
        assert row["measure"] == "cosine"
        assert row["n"] >= 5
    chances = [row["chance"] for row in document["retrieval"]]
    assert document["chance"] == pytest.approx(sum(chances) / len(chances))
    pools = [row["pool"] for row in document["retrieval"]]
    assert document["pools"] == [min(pools), max(pools)]
    assert document["interval"][0] <= document["mean_accuracy"] <= document["interval"][1]
    # an encoder that was never trained knows little more than which words two sentences have in common
    assert document["mean_accuracy"] < 5 * document["chance"] + 0.05


def test_other_measures_stand_beside_cosine_row_by_row(capsys, checkpoint, corpus):
    words = (checkpoint, "--corpus", str(corpus.folder))
    alone = evaluated(capsys, *words)
    document = evaluated(capsys, *words, "--beside", "csls", "margin", "--neighbours", "2")
    by_measure = {}
    for row in document["retrieval"]:
        by_measure.setdefault(row["measure"], []).append(row)
    assert list(by_measure) == ["cosine", "csls", "margin"]
    assert by_measure["cosine"] == alone["retrieval"]
    for measure, mean in document["beside"].items():
        accuracies = [row["accuracy"] for row in by_measure[measure]]
        assert mean["mean_accuracy"] == pytest.approx(sum(accuracies) / len(accuracies))
        assert mean["interval"][0] <= mean["mean_accuracy"] <= mean["interval"][1]
    assert "beside it by csls: mean accuracy" in printed(capsys, *words, "--beside", "csls")


def test_what_is_not_averaged_is_listed_with_its_reason_or_counted(capsys, checkpoint, corpus):
    document = evaluated(capsys, checkpoint, "--corpus", str(corpus.folder))
    small = {(row["source"], row["target"]): row["reason"] for row in document["too_small"]}
    assert small["de", "en"] == "3 of the 5 queries needed"
    assert small["en", "de"] == "3 of the 5 candidates needed"
    measured = {(row["source"], row["target"]) for row in document["retrieval"]}
    assert not measured & small.keys()
    languages = len(corpus.languages)
    assert len(measured) + len(small) + document["untranslated"] == languages * (languages - 1)


def test_a_pool_of_n_and_a_smallest_pool_are_obeyed(capsys, checkpoint, corpus):
    words = [checkpoint, "--corpus", str(corpus.folder)]
    document = evaluated(capsys, *words, "--pool", "12")
    assert {row["pool"] for row in document["retrieval"]} == {12}
    assert any("of the 12 candidates needed" in row["reason"] for row in document["too_small"])
    larger = evaluated(capsys, *words, "--min-pool", "10")
    assert min(min(row["n"], row["pool"]) for row in larger["retrieval"]) >= 10
    shared = evaluated(capsys, *words, "--pool", "shared")
    assert shared["index"] == "shared"
    english = [row["pool"] for row in shared["retrieval"] if row["target"] == "en"]
    assert max(english) < all_sentences(corpus).query("language == 'en'")["text"].nunique()


def test_the_mean_is_printed_above_the_extremes_and_the_languages(capsys, checkpoint, corpus):
    text = printed(capsys, checkpoint, "--corpus", str(corpus.folder))
    places = [text.index(words) for words in (
        "mean accuracy", "the 5 worst and the 5 best of 18", "directions from each language",
        "directions to each language", "too small to be averaged", "share no meaning", "wrong matches",
    )]  # fmt: skip
    assert places == sorted(places)
    assert text.count("→en") < 18
    assert text.index("guessing") < places[1]


def test_all_prints_every_direction(capsys, checkpoint, corpus):
    text = printed(capsys, checkpoint, "--corpus", str(corpus.folder), "--all")
    document = evaluated(capsys, checkpoint, "--corpus", str(corpus.folder))
    assert "extremes" not in text
    assert all(f"\n{row['source']}→{row['target']} " in text for row in document["retrieval"])


def test_a_sample_of_directions_says_of_how_many(capsys, checkpoint, corpus):
    document = evaluated(capsys, checkpoint, "--corpus", str(corpus.folder), "--directions", "6")
    assert (len(document["retrieval"]), document["directions"], document["large_enough"]) == (6, 6, 18)
    text = printed(capsys, checkpoint, "--corpus", str(corpus.folder), "--directions", "6")
    assert "over 6 directed pairs drawn from 18" in " ".join(text.split())


def test_the_preset_keeps_each_pairs_own_side_and_takes_a_pool_of_n(capsys, checkpoint, corpus):
    words = [
        "evaluate",
        checkpoint,
        "--corpus",
        str(corpus.folder),
        "--preset",
        "tatoeba",
        "--layer",
        "1",
        "--json",
    ]
    assert lab(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["index"], document["pooling"]) == ("shared", "mean")
    assert lab([*words, "--pool", "10"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["index"], {row["pool"] for row in document["retrieval"]}) == ("shared", {10})


def test_too_few_meanings_are_no_error_but_a_sentence_that_says_what_to_do(capsys, checkpoint, tmp_path):
    # case 43: six aligned sentences, of which one was held out
    folder = write_corpus(sentences(4), tmp_path / "few").folder
    document = evaluated(capsys, checkpoint, "--corpus", str(folder))
    assert (document["mean_accuracy"], document["interval"], document["retrieval"]) == (None, None, [])
    assert "all 6 directions are too small" in document["unmeasured"]
    assert "4 of the 5 candidates needed: hold out more meanings (--text.held-out)" in document["unmeasured"]
    text = " ".join(printed(capsys, checkpoint, "--corpus", str(folder)).split())
    assert "all 6 directions are too small" in text
    lower = evaluated(capsys, checkpoint, "--corpus", str(folder), "--min-pool", "4")
    assert len(lower["retrieval"]) == 6


def test_text_without_translations_has_nothing_to_retrieve(capsys, checkpoint, tmp_path):
    rows = [(number, tag, text) for number, (_, tag, text) in enumerate(sentences(20))]
    folder = write_corpus(rows, tmp_path / "apart").folder
    document = evaluated(capsys, checkpoint, "--corpus", str(folder))
    assert document["mean_accuracy"] is None
    assert (
        document["unmeasured"]
        == "no two languages share a meaning, so nothing can be retrieved: add translations"
    )


MISTAKES = {
    "a pool below the smallest": (["--pool", "3"], "expected --pool from 5 (--min-pool), got 3"),
    "no pool": (["--pool", "none"], "none"),
    "no direction": (["--directions", "0"], "expected --directions from 1, got 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_line(capsys, checkpoint, corpus, mistake):
    words, message = MISTAKES[mistake]
    assert lab(["evaluate", checkpoint, "--corpus", str(corpus.folder), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_draw_of_meanings_keeps_all_of_a_small_language_and_so_many_of_parallel_text(corpus):
    table = all_sentences(corpus)
    drawn = drawn_meanings(table, 40)
    sizes, whole = (part.groupby("language")["meaning"].nunique() for part in (drawn, table))
    assert (sizes >= whole.clip(upper=40)).all()
    small = whole.index[whole <= 40]
    assert len(small)
    for tag in small:
        meanings = table.loc[table["language"] == tag, "meaning"]
        translated = table[table["meaning"].isin(meanings)]
        assert len(drawn[drawn["meaning"].isin(meanings)]) == len(translated)
    assert sizes.max() < whole.max()
    parallel = pd.DataFrame(
        [(meaning, tag, f"{tag}{meaning}") for meaning in range(100) for tag in ("de", "en", "fr")],
        columns=["meaning", "language", "text"],
    )
    assert drawn_meanings(parallel, 40)["meaning"].nunique() == 40


def test_the_tables_of_languages_need_no_more_than_eighty_columns_and_are_sorted(capsys, checkpoint, corpus):
    lines = printed(capsys, checkpoint, "--corpus", str(corpus.folder)).splitlines()
    begin = next(at for at, line in enumerate(lines) if "directions from each language" in line)
    rows = [line for line in lines[begin:] if "[" in line and "│" in line]
    assert max(map(len, rows)) <= 80
    means = [float(row.strip("│ ").split("│")[1].split()[0]) for row in rows]
    asking = means[: len(means) // 2]
    assert len(asking) > 3
    assert asking == sorted(asking)
