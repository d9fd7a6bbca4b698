"""`lab corpus import` on small inputs of every kind of trouble, and on the public text beside the project."""

import csv
import json
from pathlib import Path

import pytest

from core.text.corpus import open_corpus
from core.text.readers import Counts, Notes, ReadOptions, Rejected, read_files, sentences
from lab.cli import run

SHARED = Path(__file__).parents[3] / "shared"
CASES, DATA = SHARED / "cases", SHARED / "data"


@pytest.fixture
def lab(capsys):
    def call(*words):
        code = run([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, " ".join(printed.err.split())

    return call


def pairs(number, mark, quote="", begin=0):
    numbers = range(begin, begin + number)
    return "".join(f"{quote}boat {i}{quote}{mark}{quote}bateau {i}{quote}\n" for i in numbers)


TSV = "en\tfr\n" + pairs(4, "\t") + '"Wait\tAttendez\n' + pairs(4, "\t", begin=4) + 'she said"\tdit-elle\n'
OBJECTS = [{"en": f"boat {i}", "fr": f"bateau {i}"} for i in range(5)]
INVISIBLE = "\u200b\n\u00ad\n\u200e\n"
TMX = "".join(
    f'<tu><tuv xml:lang="en"><seg>boat {i}</seg></tuv><tuv xml:lang="fr"><seg>bateau {i}</seg></tuv></tu>'
    for i in range(5)
)
# files, further words, exit code, what is said or how many sentences there are
KINDS = {
    "01 a quotation mark in TSV": ({"p.tsv": TSV}, [], 0, 20),
    "02 a table without header": ({"p.txt": pairs(9, "\t")}, [], 2, "--languages en fr"),
    "02 the same with languages": ({"p.txt": pairs(9, "\t")}, ["--languages", "en", "fr"], 0, 18),
    "04 columns src and tgt": ({"p.csv": "src,tgt\n" + pairs(3, ",")}, [], 2, "--columns en=src fr=tgt"),
    "04 the same with columns": (
        {"p.csv": "src,tgt\n" + pairs(3, ",")},
        ["--columns", "en=src", "fr=tgt"],
        0,
        6,
    ),
    "05 one column twice": ({"p.tsv": "en\ten\n" + pairs(3, "\t")}, [], 2, "different language"),
    "07 invisible sentences": ({"p.en": "a\nb\nc\n", "p.fr": INVISIBLE}, [], 2, "is empty"),
    "08 identical sides": (
        {"p.en": "a\nb\n", "p.de": "a\nb\n"},
        [],
        0,
        "warning: 100.0% of the translations",
    ),
    "09 keys that are no text": (
        {"p.jsonl": "".join(json.dumps({"id": 7, **entry, "score": 0.9}) + "\n" for entry in OBJECTS)},
        [],
        0,
        "id, score",
    ),
    "11 TMX": ({"p.tmx": f"<tmx version='1.4'><body>{TMX}</body></tmx>"}, [], 0, 10),
    "12 a JSON list": ({"p.json": json.dumps(OBJECTS)}, [], 0, 10),
    "12 NDJSON": ({"p.ndjson": "".join(json.dumps(entry) + "\n" for entry in OBJECTS)}, [], 0, 10),
    "13 semicolons": ({"p.csv": "en;fr\n" + pairs(3, ";", '"')}, [], 0, "semicolons"),
    "14 labels as meanings": ({"p.csv": "meaning,language,text\nm0,en,a\nm0,fr,b\n"}, [], 0, 2),
    "15 an unclosed quotation mark": ({"p.csv": TSV.replace("\t", ",")}, [], 2, "lines 6-11"),
    "a wrong pair of columns": ({"p.tsv": "en\tfr\na\tb\n"}, ["--columns", "fr"], 2, "LANGUAGE=COLUMN"),
    "columns of text": ({"p.en": "a\n"}, ["--columns", "en=1"], 2, "leave it out"),
    "languages of JSON": ({"p.json": json.dumps(OBJECTS)}, ["--languages", "en"], 2, "leave it out"),
    "an unknown encoding": ({"p.en": "a\n"}, ["--encoding", "latin-99"], 2, "expected an encoding"),
    "text in another encoding": ({"p.ru": "собака\n".encode("cp1251")}, [], 2, "--encoding cp1251"),
    "a damaged file": ({"p.en.gz": b"\x1f\x8bnothing"}, [], 2, "damaged"),
    "XML that is none": ({"p.tmx": "<tmx><body>"}, [], 2, "well-formed"),
    "nothing but faults": ({"p.en": "\n\n"}, ["--skip-bad"], 2, "no sentence is left"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_input_is_read_or_refused_in_one_line(lab, tmp_path, kind):
    files, words, expected, message = KINDS[kind]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = lab(
        "corpus", "import", *(tmp_path / name for name in files), "--out", tmp_path / "c", *words
    )
    assert code == expected, err
    assert "Traceback" not in err
    if isinstance(message, int):
        assert open_corpus(tmp_path / "c").info.sentences == message
    else:
        assert message in err
    assert (tmp_path / "c").exists() == (expected == 0), out


# what the reports of the cases expect: exit code and sentences, or a part of the message
EXPECTED = {
    "01-quoted-tsv/p.tsv": (0, 80),
    "02-headerless-txt/phrases.txt": (2, "--languages en fr"),
    "04-src-tgt-columns/src.csv": (2, "--columns en=src fr=tgt"),
    "05-same-column-twice/d.tsv": (2, "different language"),
    "07-invisible-sentences/zw.en 07-invisible-sentences/zw.fr": (2, "is empty"),
    "08-identical-sides/t.en 08-identical-sides/t.de": (0, "100.0% of the translations repeat"),
    "09-jsonl-extra-keys/f.jsonl": (0, "score"),
    "11-tmx/m.tmx": (0, 120),
    "12-parquet-json/a.json": (0, 120),
    "12-parquet-json/h.ndjson": (0, 120),
    "12-parquet-json/pairs.parquet": (0, 120),
    "13-semicolon-csv/p.csv": (0, 120),
    "14-meaning-labels/v.csv": (0, 120),
    "15-unbalanced-quote/p.tsv": (0, 80),
    "43-few-meanings/six.en 43-few-meanings/six.fr 43-few-meanings/six.de": (0, 18),
    "40-long-sentences/long.en 40-long-sentences/long.fr": (0, 80),
}


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the reported cases in {CASES}")
@pytest.mark.parametrize("files", EXPECTED)
def test_a_reported_case_gives_what_its_report_expects(lab, tmp_path, files):
    expected, message = EXPECTED[files]
    paths = [CASES / name for name in files.split()]
    code, _, err = lab("corpus", "import", *paths, "--out", tmp_path / "c")
    assert code == expected, err
    if isinstance(message, int):
        assert open_corpus(tmp_path / "c").info.sentences == message
    else:
        assert message in err


def test_the_sums_add_up_in_the_summary_and_nothing_is_lost(lab, tmp_path):
    table = "en\tfr\tscore\na\tb\t1\na\tb\t2\nc\t\t3\nd\td\t4\nbad\x07\te\t5\n"
    (tmp_path / "t.tsv").write_text(table)
    words = ["corpus", "import", tmp_path / "t.tsv", "--out", tmp_path / "c"]
    code, out, _ = lab(*words, "--skip-bad", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["units"] == 5
    assert (document["imported"], document["duplicates"], document["rejected"]) == (3, 1, 1)
    assert (document["missing"], document["identical"], document["ignored_columns"]) == (1, 1, ["score"])
    assert document["sentences"] == sum(document["languages"].values()) == 6
    assert json.loads(lab("corpus", "show", tmp_path / "c", "--json")[1]).items() >= document.items()
    with (tmp_path / "c" / "rejected.tsv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows[1][:2] == ["line 6 (en)", "holds a control character (U+0007)"]
    code, out, _ = lab("corpus", "show", tmp_path / "c")
    assert "5 = 3 imported + 1 duplicates + 1 rejected" in out


def reading(paths, **options):
    rejected: list[Rejected] = []
    counts = Counts()
    rows = list(sentences(read_files(paths, ReadOptions(**options), Notes()), rejected.append, counts))
    return rows, rejected, counts


MESSY = DATA / "messy"
OPTIONS = {
    "csv/glossary-quotes.csv": {"languages": ("en", "fr")},
    "csv/magento.en-de.csv": {"columns": {"en": "1", "de": "2"}},
    "tsv/glossary.utf16le.tsv": {"languages": ("en", "fr")},
    "tsv/news.en-xho.tsv": {"quotes": "enclose"},
    "tsv/sick-br.bom.en-pt.tsv": {"columns": {"pt": "sentence_A", "en": "sentence_A_original"}},
}
"""How to read the files that do not say it themselves."""
HEADER = ("tsv/news.en-xho.tsv", "tsv/sick-br.bom.en-pt.tsv")
PLACEHOLDERS = {"xliff/okapi-word.de-en.xlf": 3}
"""Units without any text, which the list does not count."""


def messages(path: Path) -> int:
    """Singular and plural messages of a PO file, read line by line."""
    lines = path.read_bytes().splitlines()
    return sum(line.startswith((b"msgid ", b"msgid_plural ")) for line in lines) - 1


@pytest.mark.skipif(not MESSY.is_dir(), reason=f"needs the real files of translators in {MESSY}")
def test_every_unit_of_thirty_real_files_is_imported_or_refused_with_its_place_and_reason():
    with (MESSY / "inputs.tsv").open(newline="") as file:
        listed = list(csv.DictReader(file, delimiter="\t"))
    assert len(listed) >= 30
    for entry in listed:
        name = entry["file"]
        paths = [MESSY / name] if not name.startswith("moses") else sorted((MESSY / "moses").iterdir())
        rows, rejected, counts = reading(paths, **OPTIONS.get(name, {}))
        assert counts.units == counts.imported + counts.duplicates + counts.rejected, name
        assert all(bad.where and bad.reason for bad in rejected), name
        assert counts.rejected <= len(rejected), name
        units = messages(MESSY / name) if name.endswith(".po") else int(entry["units"] or counts.units)
        assert counts.units == units - (name in HEADER) + PLACEHOLDERS.get(name, 0), name
        tags = {"en-us": "en-US", "fr-ca": "fr-CA", "zh_CN": "zh-CN", "xho": "xh", "deu": "de", "eng": "en"}
        tags |= {"fra": "fr", "ita": "it", "por": "pt", "spa": "es", "zho": "zh"}
        named = {tags.get(tag, tag) for tag in entry["languages"].split()}
        if named and not name.startswith("moses"):
            assert {row.language for row in rows} == named, name


PUBLIC = {
    "multi30k": ("*.gz", 29_000 + 1_014 + 1_000, 4),
    "ntrex": ("newstest*", 1_997, 16 - 1),
    "tatoeba": ("*", 12_938, 15),
    "udhr": ("articles*", 30, 452),
    "ud-pud": ("*.gz", 4 * 1_000, 4),
}
"""Public text by folder: its files, how many units they hold, in how many languages."""


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the public text in {DATA}")
@pytest.mark.parametrize("folder", PUBLIC)
def test_public_text_is_imported_whole_from_a_glob(folder):
    pattern, units, languages = PUBLIC[folder]
    rows, rejected, counts = reading(sorted((DATA / folder).glob(pattern)))
    assert counts.units == units == counts.imported + counts.duplicates + counts.rejected
    assert len({row.language for row in rows}) == languages
    # a few of the 452 languages share a text, and nobody is warned
    assert counts.identical <= 0.01 * len(rows)
    # Multi30k has a few captions without translation
    assert len(rejected) <= 0.001 * len(rows)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the public text in {DATA}")
def test_each_pair_of_tatoeba_keeps_its_own_english_side():
    rows, _, _ = reading(sorted((DATA / "tatoeba").glob("*"), reverse=True))
    texts: dict[int, dict[str, str]] = {}
    for row in rows:
        texts.setdefault(row.meaning, {})[row.language] = row.text
    assert all(len(pair) == 2 and "en" in pair for pair in texts.values())
    english = (DATA / "tatoeba" / "tatoeba.swh-eng.eng").read_text(encoding="utf-8").splitlines()
    swahili = (DATA / "tatoeba" / "tatoeba.swh-eng.swh").read_text(encoding="utf-8").splitlines()
    read = {(pair["sw"], pair["en"]) for pair in texts.values() if "sw" in pair}
    assert read == {(sw.strip(), en.strip()) for sw, en in zip(swahili, english, strict=True)}


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the reported cases in {CASES}")
def test_every_case_of_an_import_is_one_that_a_test_runs():
    reports = {path.parent.name: path.read_text(encoding="utf-8") for path in CASES.rglob("README.md")}
    imports = {name for name, report in reports.items() if report.startswith("Command: `lab corpus import")}
    assert len(imports) > 10
    assert imports <= {name.partition("/")[0] for name in EXPECTED}
