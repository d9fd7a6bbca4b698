"""TSV and CSV as people write them: quotation marks, headers, separators, empty cells."""

import pytest

from core.errors import InputError
from tests.core.reading import file, read

PAIRS = "".join(f"Sentence {i} here.\tPhrase {i} ici.\n" for i in range(4))


def texts(reading):
    return [row.text for row in reading.rows]


@pytest.mark.parametrize(("name", "mark"), [("t.tsv", "\t"), ("t.csv", ","), ("t.csv", ";"), ("t.tsv", ",")])
def test_a_column_per_language(tmp_path, name, mark):
    rows, rejected = read(
        file(tmp_path, name, f"en{mark}fr\na dog{mark}un chien\nb{mark}c\nx{mark}y\nshort\n")
    )
    assert rows[:2] == [(0, "en", "a dog"), (0, "fr", "un chien")]
    assert len(rows) == 6
    assert "columns" in rejected[0].reason


def test_a_separator_that_is_not_the_usual_one_is_said(tmp_path):
    reading = read(file(tmp_path, "t.csv", 'en;fr\n"a, b";"c; d"\n'))
    assert texts(reading) == ["a, b", "c; d"]
    assert "semicolons" in reading.said[0]


def test_a_row_per_sentence(tmp_path):
    rows, rejected = read(
        file(tmp_path, "t.csv", 'meaning,language,text\n5,en,"a, b"\n5,fr,c\n5,qq,d\n,en,e\n')
    )
    assert rows == [(5, "en", "a, b"), (5, "fr", "c")]
    assert [bad.where for bad in rejected] == ["line 4", "line 5"]


def test_any_label_is_a_meaning(tmp_path):
    reading = read(file(tmp_path, "t.csv", "meaning,language,text\nm0,en,a\nm0,fr,b\nm1,en,c\n"))
    numbers = [row.meaning for row in reading.rows]
    assert numbers[0] == numbers[1] != numbers[2]
    assert not reading.rejected


def test_quotation_marks_in_tsv_are_text(tmp_path):
    table = 'en\tfr\n"Wait\tAttendez\n"Stop," he said.\t« Stop »\nshe said"\tdit-elle\n'
    reading = read(file(tmp_path, "t.tsv", table))
    assert texts(reading)[::2] == ['"Wait', '"Stop," he said.', 'she said"']
    assert not reading.rejected


def test_quotation_marks_of_cells_are_read_on_demand_and_their_look_is_said(tmp_path):
    path = file(tmp_path, "t.tsv", 'en\tfr\n"He said ""no""."\tb\n')
    assert texts(read(path, quotes="enclose"))[0] == 'He said "no".'
    assert "--quotes enclose" in read(path).said[0]


def test_an_unclosed_quotation_mark_costs_its_line_alone(tmp_path):
    lines = ["en,fr", *(f"a {i},b {i}" for i in range(10))]
    lines[4] = '"Wait,Attendez'
    reading = read(file(tmp_path, "t.csv", "\n".join(lines) + "\n"))
    assert [bad.where for bad in reading.rejected] == ["line 5"]
    assert "quotation mark" in reading.rejected[0].reason
    assert len(reading.rows) == 2 * 9


def test_a_quotation_mark_closed_wrongly_names_the_line_where_it_opened(tmp_path):
    lines = ["en,fr", *(f"a {i},b {i}" for i in range(10))]
    lines[2], lines[6] = '"Wait,Attendez', 'she said" softly,dit-elle'
    reading = read(file(tmp_path, "t.csv", "\n".join(lines) + "\n"))
    assert [bad.where for bad in reading.rejected] == ["line 3"]
    assert 'she said" softly' in texts(reading)


def test_a_cell_that_swallows_lines_is_rejected_with_all_of_them(tmp_path):
    reading = read(file(tmp_path, "t.csv", 'en,fr\n"Hello,Bonjour\nBye",ciao\nx,y\n'))
    assert [bad.where for bad in reading.rejected] == ["lines 2-3 (en)"]
    assert "line break" in reading.rejected[0].reason


def test_spaces_and_line_breaks_round_a_cell_are_no_text(tmp_path):
    assert texts(read(file(tmp_path, "t.csv", 'en,de\n"\n   Yes. \n","\nJa."\n'))) == ["Yes.", "Ja."]


def test_an_empty_cell_is_a_missing_translation(tmp_path):
    reading = read(file(tmp_path, "t.tsv", "en\tfr\tde\na\tb\t\n\tc\t\n\t\t\n\n"))
    assert reading.rows == [(0, "en", "a"), (0, "fr", "b"), (1, "fr", "c")]
    assert reading.counts.missing == 1 + 2 + 3
    assert [(bad.where, bad.reason) for bad in reading.rejected] == [("line 4", "is empty")]
    assert reading.counts.units == 3


@pytest.mark.parametrize(
    "header", ["en\teng\tfr", "zh\tcmn", "iw\the", "fil\ttl", "en\ten", "ar\tarb", "EN\ten"]
)
def test_two_columns_of_one_language_are_refused(tmp_path, header):
    with pytest.raises(InputError, match="different language"):
        read(file(tmp_path, "t.tsv", f"{header}\n" + "\t".join("abc"[: header.count("\t") + 1]) + "\n"))


@pytest.mark.parametrize("header", ["src,tgt", "source,target", "en,target", "trg,src", "Source,fr"])
def test_columns_named_after_their_side_are_refused_and_can_be_named(tmp_path, header):
    path = file(tmp_path, "t.csv", f"{header}\na b,c d\n")
    with pytest.raises(InputError, match="--columns en="):
        read(path)
    names = header.split(",")
    assert read(path, columns={"sw": names[0], "ar": names[1]}).rows == [(0, "sw", "a b"), (0, "ar", "c d")]


def test_two_clear_languages_beside_a_column_of_origin_are_read(tmp_path):
    reading = read(file(tmp_path, "t.tsv", "en\tfr\tsource\tscore\na\tb\tnews\t0.9\n"))
    assert texts(reading) == ["a", "b"]
    assert reading.ignored == ["source", "score"]


@pytest.mark.parametrize(
    ("values", "languages"), [(("1", "2"), {"en"}), (("satu kata", "dua kata"), {"en", "id"})]
)
def test_whether_id_is_a_number_or_indonesian_its_values_tell(tmp_path, values, languages):
    table = "id\ten\n" + "".join(f"{value}\tword {value}\n" for value in values)
    assert {row.language for row in read(file(tmp_path, "t.tsv", table)).rows} == languages


def test_a_table_without_header_is_refused_with_the_way_to_name_its_columns(tmp_path):
    for name in ("t.tsv", "t.txt"):
        with pytest.raises(InputError, match=r"--languages en fr") as error:
            read(file(tmp_path, name, PAIRS))
        assert "--columns" in str(error.value)


@pytest.mark.parametrize("options", [{"languages": ["en", "fr"]}, {"columns": {"en": "1", "fr": "2"}}])
def test_columns_without_header_are_named_by_languages_or_numbers(tmp_path, options):
    table = PAIRS.replace("\n", "\tCC-BY\n")
    reading = read(file(tmp_path, "t.txt", table), **options)
    assert len(reading.rows) == 8
    assert reading.rows[0] == (0, "en", "Sentence 0 here.")
    assert reading.ignored == ["column 3"]


def test_a_header_can_be_left_out_although_the_columns_are_numbered(tmp_path):
    path = file(tmp_path, "t.tsv", "first\tsecond\na\tb\n")
    for options in ({"languages": ["en", "fr"]}, {"columns": {"en": "1", "fr": "2"}}):
        assert texts(read(path, header=True, **options)) == ["a", "b"]


def test_columns_of_one_name_are_chosen_by_number(tmp_path):
    path = file(tmp_path, "t.tsv", "text\ttext\na\tb\n")
    assert texts(read(path, header=True, columns={"en": "1", "fr": "2"})) == ["a", "b"]


def test_a_long_table_with_other_names_is_read(tmp_path):
    path = file(tmp_path, "t.csv", "no,lang,sentence\n3,en,a\n3,fr,b\n")
    columns = {"meaning": "no", "language": "lang", "text": "sentence"}
    assert read(path, columns=columns).rows == [(3, "en", "a"), (3, "fr", "b")]


def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path):
    with pytest.raises(InputError, match="'target', got 'en', 'fr'"):
        read(file(tmp_path, "t.tsv", "en\tfr\na\tb\n"), columns={"ar": "target"})


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        assert len(read(file(tmp_path, "t.tsv", "en\tfr\na\tb\n".encode(encoding))).rows) == 2


def test_several_tables_are_one_corpus_with_meanings_of_their_own(tmp_path):
    paths = [file(tmp_path, name, f"en,{tag}\na,b\n") for name, tag in (("2.csv", "de"), ("1.csv", "fr"))]
    assert read(*paths).rows == [(0, "en", "a"), (0, "fr", "b"), (1, "en", "a"), (1, "de", "b")]
