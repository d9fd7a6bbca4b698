"""JSON Lines, JSON lists, Parquet and data sets of Hugging Face."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from tests.core.reading import file, read

PAIRS = [{"en": f"dog {i}", "fr": f"chien {i}"} for i in range(3)]
ROWS = [(i, tag, text) for i, pair in enumerate(PAIRS) for tag, text in pair.items()]


def lines(*objects):
    return "\n".join(json.dumps(entry) for entry in objects) + "\n"


@pytest.mark.parametrize("wrap", [lambda record: record, lambda record: {"translation": record}])
def test_json_lines(tmp_path, wrap):
    content = "\n".join(
        [
            json.dumps(wrap({"en": "a", "fr": "b"})),
            "not json",
            "[1]",
            json.dumps(wrap({"en": 3})),
            json.dumps({"qq": "x"}),
        ]
    )
    rows, rejected = read(file(tmp_path, "t.jsonl", content))
    assert rows == [(0, "en", "a"), (0, "fr", "b")]
    assert [bad.where for bad in rejected] == ["line 2", "line 3", "line 4", "line 5"]
    assert "en is 3" in rejected[2].reason


def test_keys_that_are_no_language_are_named_and_not_read(tmp_path):
    objects = [{"id": i, **pair, "score": 0.9, "url": f"x/{i}"} for i, pair in enumerate(PAIRS)]
    reading = read(file(tmp_path, "t.jsonl", lines(*objects)))
    assert reading.rows == ROWS
    assert reading.ignored == ["id", "score", "url"]
    assert "score" in reading.said[0]


def test_keys_may_differ_from_line_to_line(tmp_path):
    reading = read(
        file(
            tmp_path,
            "t.jsonl",
            lines({"en": "a", "fr": "b"}, {"en": "c", "sw": "d"}, {"en": None, "sw": "e"}),
        )
    )
    assert reading.rows == [(0, "en", "a"), (0, "fr", "b"), (1, "en", "c"), (1, "sw", "d"), (2, "sw", "e")]
    assert reading.counts.missing == 1


def test_452_languages_of_three_letters_are_keys(tmp_path):
    tags = ["aii", "min", "sid", "top", "not", "sco", "tag", "alt", "agr", "en"]
    reading = read(file(tmp_path, "t.jsonl", lines({tag: f"in {tag}" for tag in tags})))
    assert {row.language for row in reading.rows} == set(tags)


@pytest.mark.parametrize("names", [("en", "eng"), ("zh", "cmn"), ("iw", "he"), ("fil", "tl")])
def test_two_keys_of_one_language_are_refused(tmp_path, names):
    with pytest.raises(InputError, match="different language"):
        read(file(tmp_path, "t.jsonl", lines(dict.fromkeys(names, "a"))))


def test_a_key_that_comes_twice_is_rejected(tmp_path):
    reading = read(file(tmp_path, "t.jsonl", '{"en": "a"}\n{"en": "b", "en": "c"}\n'))
    assert [bad.where for bad in reading.rejected] == ["line 2"]


@pytest.mark.parametrize("names", [("src", "tgt"), ("source", "target"), ("input", "output")])
def test_keys_named_after_their_side_are_refused_and_can_be_named(tmp_path, names):
    path = file(tmp_path, "t.jsonl", lines(dict.fromkeys(names, "a b")))
    with pytest.raises(InputError, match="--columns"):
        read(path)
    assert len(read(path, columns={"en": names[0], "sw": names[1]}).rows) == 2


LONG = {"meaning": 1, "language": "en", "text": "a"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"meaning": 3.7}, "meaning is 3.7"),
        ({"meaning": True}, "meaning is true"),
        ({"meaning": None}, "meaning is null"),
        ({"meaning": []}, "meaning is []"),
        ({"meaning": ""}, "meaning is empty"),
        ({"text": None}, "text is null"),
        ({"text": 5}, "text is 5"),
        ({"language": 5}, "language is 5"),
        ({"language": "qq"}, "language tag"),
        ({"text": "half \ud800 a pair"}, "is not UTF-8"),
    ],
)
def test_a_value_of_the_wrong_type_is_rejected_and_shown(tmp_path, wrong, reason):
    reading = read(file(tmp_path, "t.jsonl", lines(LONG, {**LONG, **wrong})))
    assert reading.rows == [(1, "en", "a")]
    assert reading.rejected[0].where.startswith("line 2")
    assert reason in reading.rejected[0].reason


def test_meanings_beyond_64_bits_and_labels_share_no_number_with_others(tmp_path):
    meanings = [5, "5a", 2**64 + 5, "m5", -(2**63) - 1, 2**62]
    reading = read(file(tmp_path, "t.jsonl", lines(*({**LONG, "meaning": meaning} for meaning in meanings))))
    numbers = [row.meaning for row in reading.rows]
    assert numbers[0] == 5
    assert len(set(numbers)) == len(meanings)
    assert all(-(2**63) <= number < 2**63 for number in numbers)


def test_line_numbers_never_meet_the_meanings_of_other_lines(tmp_path):
    objects = [{"en": "a", "fr": "b"}, {**LONG, "meaning": 0}, {**LONG, "meaning": 3}, {"en": "c", "fr": "d"}]
    meanings = [row.meaning for row in read(file(tmp_path, "t.jsonl", lines(*objects))).rows]
    assert meanings[0] == meanings[1] == 0
    assert meanings[4] == meanings[5] == 3
    assert len(set(meanings)) == 4


def test_nesting_without_end_is_rejected(tmp_path):
    reading = read(file(tmp_path, "t.jsonl", lines({"en": "a"}) + "[" * 100_000 + "\n"))
    assert [bad.reason for bad in reading.rejected] == ["is nested too deeply"]


def test_a_json_list_is_read(tmp_path):
    for content in (json.dumps(PAIRS), json.dumps(PAIRS, indent=1), json.dumps({"data": PAIRS}, indent=1)):
        assert read(file(tmp_path, "t.json", content)).rows == ROWS
    with pytest.raises(InputError, match="list"):
        read(file(tmp_path, "t.json", '{\n"a": 1\n}'))


def test_parquet_is_read_and_its_damage_named(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist([{**pair, "score": 0.5} for pair in PAIRS]), path)
    reading = read(path)
    assert reading.rows == ROWS
    assert reading.ignored == ["score"]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged"):
        read(path)


def test_a_corpus_folder_is_no_input(tmp_path):
    (tmp_path / "corpus.json").write_text("{}")
    with pytest.raises(InputError, match="corpus already"):
        read(tmp_path)


@pytest.fixture
def data_set(tmp_path):
    datasets = pytest.importorskip("datasets")
    return lambda rows, features=None: datasets.Dataset.from_list(rows, features=features)


def test_a_saved_data_set_with_translations_is_read(tmp_path, data_set):
    from datasets import Features, Translation

    features = Features(
        {"id": data_set([{"id": "1"}]).features["id"], "translation": Translation(["en", "fr"])}
    )
    rows = [{"id": str(i), "translation": pair} for i, pair in enumerate(PAIRS)]
    data_set(rows, features).save_to_disk(tmp_path / "saved")
    reading = read(tmp_path / "saved")
    assert reading.rows == ROWS
    assert reading.ignored == ["id"]


def test_a_split_must_be_chosen_where_there_are_several(tmp_path, data_set):
    from datasets import DatasetDict

    DatasetDict(train=data_set(PAIRS), test=data_set(PAIRS[:1])).save_to_disk(tmp_path / "saved")
    with pytest.raises(InputError, match=r"--split.*train, test"):
        read(tmp_path / "saved")
    assert read(tmp_path / "saved", split="test").rows == ROWS[:2]


def test_a_folder_of_parquet_is_read_as_a_data_set_and_one_of_tables_is_not(tmp_path):
    (tmp_path / "set").mkdir()
    pq.write_table(pa.Table.from_pylist(PAIRS), tmp_path / "set" / "train.parquet")
    assert read(tmp_path / "set").rows == ROWS
    (tmp_path / "tables").mkdir()
    file(tmp_path / "tables", "t.csv", "en,fr\na,NA\n")
    with pytest.raises(InputError, match="csv files: import its files"):
        read(tmp_path / "tables")


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="data set of Hugging Face"):
        read(tmp_path)
