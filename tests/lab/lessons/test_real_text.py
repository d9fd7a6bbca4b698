"""Lesson 07: what text holds, and the checks of its exercises."""

import pytest

from core.errors import InputError
from core.text.corpus import write_corpus
from lab.lessons import check, open_lesson
from lab.lessons.real_text import described, highest_ceiling, possible_information, repeated_share, text_of
from tests.real_shape import real_shape_corpus

ROWS = [
    {
        "task": "mmlm",
        "candidates": None,
        "nats": 3.0,
        "low": 2.9,
        "high": 3.1,
        "at_least": 2.92,
        "method": "H",
    },
    {
        "task": "xlco",
        "candidates": 16,
        "nats": 2.0,
        "low": 1.9,
        "high": 2.1,
        "at_least": 1.92,
        "method": "infonce",
    },
    {
        "task": "xlco",
        "candidates": 64,
        "nats": 3.5,
        "low": 3.4,
        "high": 3.6,
        "at_least": 3.42,
        "method": "infonce",
    },
]


@pytest.fixture
def folder(tmp_path):
    texts = {"en": ["a dog", "a dog", "two cats"], "de": ["ein Hund", "der Hund", "zwei Katzen"]}
    rows = [(at, tag, text) for tag, lines in texts.items() for at, text in enumerate(lines)]
    write_corpus(rows, tmp_path / "corpus", source="three captions", licence="MIT")
    return tmp_path / "corpus"


def test_repeated_sentences_are_counted_by_language(folder, capsys):
    corpus, path = text_of(open_lesson("toy"), str(folder))
    assert path == folder
    assert "three captions" in capsys.readouterr().out
    table = described(corpus).set_index("language")
    assert table.loc["en", ["sentences", "distinct", "repeated"]].tolist() == [3, 2, pytest.approx(2 / 3)]
    assert table.loc["de", "repeated"] == 0.0
    assert check(200 / 3, repeated_share(described(corpus), "en")).passed
    assert "percent are hundredths" in check(2 / 3, repeated_share(described(corpus), "en"))


def test_text_of_real_shape_is_described_language_by_language(tmp_path):
    rows = list(real_shape_corpus(tmp_path / "c", 0.02).rows())
    table = described(text_of(open_lesson("toy"), str(tmp_path / "c"))[0]).set_index("language")
    assert set(table.index) == {row.language for row in rows}
    for tag, line in table.iterrows():
        texts = [row.text for row in rows if row.language == tag]
        assert (line["sentences"], line["distinct"]) == (len(texts), len(set(texts)))
        assert line["repeated"] == pytest.approx(sum(texts.count(text) > 1 for text in texts) / len(texts))
    assert table.loc["en", "repeated"] > table.loc["zh", "repeated"]


def test_without_a_folder_the_world_stands_in_and_says_so(capsys):
    corpus, path = text_of(open_lesson("smoke"), "")
    assert path is None
    assert corpus.info.world
    assert "stands in for real text" in capsys.readouterr().out


def test_a_folder_that_is_no_corpus_is_refused(tmp_path):
    with pytest.raises(InputError):
        text_of(open_lesson("toy"), str(tmp_path))


def test_the_ceiling_is_that_of_the_most_candidates():
    assert check(4.159, highest_ceiling(ROWS)).passed
    assert "bits" in check(6.0, highest_ceiling(ROWS))
    assert check(2.77, highest_ceiling(ROWS)).startswith("wrong: 2.77 is too low")


def test_a_measured_bound_excludes_nothing_but_what_lies_below_its_limit():
    assert check({"above", "at", "below"}, possible_information(ROWS)).passed
    assert "at least 3.42 nats" in check({"above", "at", "below"}, possible_information(ROWS))
    assert "one sample" in check({"above", "at"}, possible_information(ROWS))
    assert check({"at", "below"}, possible_information(ROWS)).startswith("wrong")
    assert check({"above"}, possible_information(ROWS)).startswith("wrong")
    assert check(set(), possible_information(ROWS)).startswith("wrong")
    assert check(..., possible_information(ROWS)).startswith("not yet")
    assert check(3, possible_information(ROWS)).startswith("wrong")
    assert "give a set" in check("above", possible_information(ROWS))
    assert "give a set" in check({"over"}, possible_information(ROWS))
