"""Other people's files, good and bad."""

import gzip
import json

import pytest

from core.errors import InputError
from core.text.readers import Rejected, read_files, sentences


def read(*paths, languages=None, **options):
    rejected: list[Rejected] = []
    rows = list(sentences(read_files(paths, languages), rejected.append, **options))
    return rows, rejected


def file(tmp_path, name, content):
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_moses_files_align_by_line_plain_and_gzipped(tmp_path):
    rows, rejected = read(
        file(tmp_path, "t.en", "a dog\ntwo cats\n"), file(tmp_path, "t.deu.gz", "ein Hund\r\nzwei Katzen")
    )
    assert rows == [
        (0, "en", "a dog"),
        (0, "de", "ein Hund"),
        (1, "en", "two cats"),
        (1, "de", "zwei Katzen"),
    ]
    assert not rejected


def test_languages_can_be_named_in_the_order_of_the_files(tmp_path):
    rows, _ = read(file(tmp_path, "a.txt", "x\n"), file(tmp_path, "b.txt", "y\n"), languages=["en", "fr"])
    assert [row.language for row in rows] == ["en", "fr"]


def test_unicode_line_separators_do_not_split_lines(tmp_path):
    rows, _ = read(
        file(tmp_path, "t.en", "one\u2028still one\x0bstill\ntwo\n"), file(tmp_path, "t.fr", "un\ndeux\n")
    )
    assert len(rows) == 4


def test_files_of_different_length_are_refused_with_both_lengths(tmp_path):
    with pytest.raises(InputError, match=r"t\.en 2, t\.fr 1"):
        read(file(tmp_path, "t.en", "a\nb\n"), file(tmp_path, "t.fr", "a\n"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "is empty"),
        (b"   ", "is empty"),
        (b"caf\xe9", "is not UTF-8"),
        (b"a\0b", "NUL"),
        (b"x" * 2001, "over-long"),
    ],
)
def test_a_bad_line_is_rejected_with_its_number_and_reason(tmp_path, line, reason):
    rows, rejected = read(
        file(tmp_path, "t.en", b"good\n" + line + b"\n"), file(tmp_path, "t.fr", "bon\nautre\n")
    )
    assert [row.text for row in rows] == ["good", "bon", "autre"]
    assert rejected[0].where == "line 2 (en)"
    assert reason in rejected[0].reason


def test_duplicate_pairs_are_rejected(tmp_path):
    rows, rejected = read(file(tmp_path, "t.en", "a\na\nb\n"), file(tmp_path, "t.fr", "x\nx\nx\n"))
    assert len(rows) == 4
    assert "duplicate" in rejected[0].reason
    assert rejected[0].where == "line 2"


def test_an_unknown_language_is_refused(tmp_path):
    with pytest.raises(InputError, match="language tag"):
        read(file(tmp_path, "t.en", "a\n"), file(tmp_path, "t.qq", "b\n"))


def test_the_same_language_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="different language"):
        read(file(tmp_path, "a.en", "a\n"), file(tmp_path, "b.en", "b\n"))


def test_a_truncated_gzip_file_is_named(tmp_path):
    path = file(tmp_path, "t.en.gz", "a\n" * 1000)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match="damaged"):
        read(path, file(tmp_path, "t.fr", "b\n" * 1000))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "t.en", tmp_path / "t.fr")


@pytest.mark.parametrize(("name", "mark"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_tables_with_a_column_per_language(tmp_path, name, mark):
    rows, rejected = read(file(tmp_path, name, f"en{mark}fr\na dog{mark}un chien\nshort\n"))
    assert rows == [(0, "en", "a dog"), (0, "fr", "un chien")]
    assert "columns" in rejected[0].reason


def test_tables_with_a_row_per_sentence(tmp_path):
    rows, rejected = read(
        file(tmp_path, "t.csv", 'meaning,language,text\n5,en,"a, b"\n5,fr,c\nx,en,d\n6,qq,e\n')
    )
    assert rows == [(5, "en", "a, b"), (5, "fr", "c")]
    assert [bad.where for bad in rejected] == ["line 4", "line 5"]


@pytest.mark.parametrize("wrap", [lambda record: record, lambda record: {"translation": record}])
def test_json_lines(tmp_path, wrap):
    lines = [
        json.dumps(wrap({"en": "a", "fr": "b"})),
        "not json",
        "[1]",
        json.dumps({"en": 3}),
        json.dumps({"qq": "x"}),
    ]
    rows, rejected = read(file(tmp_path, "t.jsonl", "\n".join(lines)))
    assert rows == [(0, "en", "a"), (0, "fr", "b")]
    assert [bad.where for bad in rejected] == ["line 2", "line 3", "line 4", "line 5"]


def test_files_of_different_kinds_are_refused(tmp_path):
    with pytest.raises(InputError, match="one kind"):
        read(file(tmp_path, "t.en", "a\n"), file(tmp_path, "t.csv", "en\na\n"))


def test_a_byte_order_mark_is_no_text(tmp_path):
    rows, _ = read(file(tmp_path, "t.en", b"\xef\xbb\xbfdog\n"), file(tmp_path, "t.fr", "chien\n"))
    assert rows[0].text == "dog"
