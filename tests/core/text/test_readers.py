"""Other people's files, good and bad: line-aligned text, and what may stand in a sentence table."""

import bz2
import gzip
import lzma
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.text.readers import Counts, Unit, sentences
from core.text.readers.fingerprints import Fingerprints
from core.text.readers.judge import MeaningNumbers
from tests.core.reading import file, read
from tests.real_shape import real_shape_file, real_shape_rows


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
    reading = read(file(tmp_path, "t.en", "one\u2028still\ntwo\n"), file(tmp_path, "t.fr", "un\ndeux\n"))
    assert len(reading.rows) == 4


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
        (b"a\tb", "a TAB"),
        (b"a\rb", "a line break"),
        (b"a\x0bb", "a control character (U+000B)"),
        (b"a\x1b[2Jb", "a control character (U+001B)"),
        ("a\x93b".encode(), "a control character (U+0093)"),
        ("\u200b\u00ad\u200e".encode(), "is empty"),
        ("\ufeff \u3164\u2800".encode(), "is empty"),
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


def test_duplicates_are_merged_and_counted_whatever_their_code_points_and_spaces(tmp_path):
    nfd = unicodedata.normalize("NFD", "été")
    reading = read(file(tmp_path, "t.en", "a\na \na\nb\n"), file(tmp_path, "t.fr", f"été\nété\n{nfd}\nété\n"))
    assert reading.rows == [(0, "en", "a"), (0, "fr", "été"), (3, "en", "b"), (3, "fr", "été")]
    assert not reading.rejected
    counts = reading.counts
    assert (counts.units, counts.imported, counts.duplicates, counts.rejected) == (4, 2, 2, 0)


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


def test_files_of_different_kinds_are_refused(tmp_path):
    with pytest.raises(InputError, match="one kind"):
        read(file(tmp_path, "t.en", "a\n"), file(tmp_path, "t.csv", "en\na\n"))


def test_a_byte_order_mark_is_no_text(tmp_path):
    rows, _ = read(file(tmp_path, "t.en", b"\xef\xbb\xbfdog\n"), file(tmp_path, "t.fr", "chien\n"))
    assert rows[0].text == "dog"


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.en.gz", gzip.compress),
        ("t.en.bz2", bz2.compress),
        ("t.en.xz", lzma.compress),
        ("t.en.zst", lambda data: bytes(pa.compress(data, "zstd", asbytes=True))),
    ],
)
def test_packed_files_are_unpacked(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(b"a dog\ntwo cats\n"))
    assert [row.text for row in read(path).rows] == ["a dog", "two cats"]


def test_utf_16_is_read_by_its_mark_or_by_name(tmp_path):
    marked = file(tmp_path, "t.ru", "собака\nкот\n".encode("utf-16"))
    plain = file(tmp_path, "t.en", "dog\ncat\n".encode("utf-16-le"))
    assert [row.text for row in read(marked).rows] == ["собака", "кот"]
    with pytest.raises(InputError, match="utf-16-le"):
        read(plain)
    assert [row.text for row in read(plain, encoding="utf-16-le").rows] == ["dog", "cat"]


def test_a_declared_encoding_is_read_and_an_undeclared_one_says_how_to_declare_it(tmp_path):
    path = file(tmp_path, "t.ru", "собака\n".encode("cp1251"))
    assert [row.text for row in read(path, encoding="cp1251").rows] == ["собака"]
    assert "--encoding cp1251" in read(path).rejected[0].reason
    with pytest.raises(InputError, match="gb18030"):
        read(path, encoding="klingon")


def test_bytes_outside_a_declared_encoding_are_rejected(tmp_path):
    reading = read(file(tmp_path, "t.ru", b"\xef\xf0\n\x98\n"), encoding="cp1251")
    assert [row.text for row in reading.rows] == ["пр"]
    assert "encoding" in reading.rejected[0].reason


def test_sets_of_files_are_told_apart_by_their_names_in_any_order(tmp_path):
    names = {
        "tatoeba.fra-eng.eng": "a\nb\n",
        "tatoeba.deu-eng.deu": "x\n",
        "tatoeba.fra-eng.fra": "c\nd\n",
        "tatoeba.deu-eng.eng": "a\n",
        "README.md": "what this is",
    }
    paths = [file(tmp_path, name, text) for name, text in names.items()]
    forward, backward = read(*paths), read(*reversed(paths))
    # each set keeps its own English side under meanings of its own
    assert set(forward.rows) == set(backward.rows)
    assert set(forward.rows) == {
        (0, "de", "x"),
        (0, "en", "a"),
        (1, "en", "a"),
        (1, "fr", "c"),
        (2, "en", "b"),
        (2, "fr", "d"),
    }
    assert "README.md" in forward.said[0]


def test_a_language_before_txt_is_found(tmp_path):
    paths = [file(tmp_path, f"news.{tag}.txt", f"{tag}\n") for tag in ("eng-US", "zho-CN")]
    assert [row.language for row in read(*paths).rows] == ["en-US", "zh-CN"]


def test_a_file_without_partner_is_text_of_one_language_and_it_is_said(tmp_path):
    paths = [file(tmp_path, name, "a\n") for name in ("t.en", "t.fr", "alone.de")]
    reading = read(*paths)
    assert len({row.meaning for row in reading.rows}) == 2
    assert "alone.de" in reading.said[0]


def test_the_place_of_a_fault_names_its_file_where_there_are_several(tmp_path):
    texts = {"a.en": "x\n", "a.fr": "y\n", "b.en": "x\n\n", "b.fr": "z\nw\n"}
    reading = read(*(file(tmp_path, name, text) for name, text in texts.items()))
    assert [bad.where for bad in reading.rejected] == ["b.en line 2 (en)"]


@pytest.mark.parametrize("tags", [("en", "eng"), ("zh", "cmn"), ("iw", "he"), ("ar", "arb")])
def test_two_files_of_one_language_are_refused_under_whatever_names(tmp_path, tags):
    with pytest.raises(InputError, match="different language"):
        read(*(file(tmp_path, f"t.{tag}", "x\n") for tag in tags))


def test_sides_that_say_the_same_are_counted(tmp_path):
    reading = read(file(tmp_path, "t.en", "a\nb\nc\n"), file(tmp_path, "t.de", "a\nB\nc\n"))
    assert reading.counts.identical == 2


def judged(units):
    counts = Counts()
    return list(sentences(units, lambda rejected: None, counts)), counts


@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**70), 2**70), st.sampled_from(["m0", "05", "5", "-1"])),
        max_size=30,
    )
)
def test_meanings_of_two_kinds_never_share_a_number(meanings):
    numbers = MeaningNumbers()
    # "5" in a table is the number 5
    labels = [
        ("line", position) if meaning is None else str(meaning) for position, meaning in enumerate(meanings)
    ]
    given_numbers = [numbers.of(meaning, position) for position, meaning in enumerate(meanings)]
    assert all(-(2**63) <= number < 2**63 for number in given_numbers)
    assert len(set(zip(labels, given_numbers, strict=True))) == len(set(labels)) == len(set(given_numbers))


def test_labels_have_one_number_in_whatever_order_and_file():
    forward, backward = ({}, {})
    for numbers, labels in ((forward, ["m0", "m1", "m2"]), (backward, ["m2", "m1", "m0"])):
        meaning_numbers = MeaningNumbers()
        numbers.update({label: meaning_numbers.of(label, 0) for label in labels})
    assert forward == backward


def test_the_same_text_under_two_meanings_is_no_duplicate():
    rows, counts = judged([Unit("1", {"en": "a"}, 7), Unit("2", {"en": "a"}, 8), Unit("3", {"en": "a"}, 7)])
    assert rows == [(7, "en", "a"), (8, "en", "a")]
    assert counts.duplicates == 1


@given(st.lists(st.lists(st.integers(0, 60), max_size=40), max_size=12))
def test_fingerprints_are_a_set(chunks):
    seen, oracle = Fingerprints(slots=8), set()
    for chunk in chunks:
        expected = []
        for value in chunk:
            expected.append(value not in oracle)
            oracle.add(value)
        # 0 and 1 share the slot of the empty mark
        values = np.array([value + 1 for value in chunk], dtype=np.uint64)
        assert seen.add(values).tolist() == expected


def test_text_of_real_shape_is_imported_whole_from_a_long_table(tmp_path):
    rows = list(real_shape_rows(0.02))
    reading = read(real_shape_file(tmp_path / "t.csv", 0.02))
    assert reading.rows == [(meaning, tag, unicodedata.normalize("NFC", text)) for meaning, tag, text in rows]
    assert reading.counts.imported == len(rows)


def test_twins_of_text_of_real_shape_are_merged_in_a_partly_filled_table(tmp_path):
    meanings: dict[int, dict[str, str]] = {}
    for meaning, tag, text in real_shape_rows(0.02):
        meanings.setdefault(meaning, {})[tag] = text
    tags = sorted({tag for texts in meanings.values() for tag in texts})
    table = ["\t".join(tags)] + ["\t".join(texts.get(tag, "") for tag in tags) for texts in meanings.values()]
    reading = read(file(tmp_path, "t.tsv", "\n".join(table) + "\n"))
    distinct = {
        tuple(sorted((tag, unicodedata.normalize("NFC", text)) for tag, text in texts.items()))
        for texts in meanings.values()
    }
    assert not reading.rejected
    assert reading.counts.imported == len(distinct) < reading.counts.units == len(meanings)
    assert reading.counts.missing == len(tags) * len(meanings) - sum(map(len, meanings.values()))
