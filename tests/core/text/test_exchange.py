"""Files of translators and linguists: TMX, XLIFF, gettext PO, subtitles, CoNLL-U."""

import pytest

from core.errors import InputError
from tests.core.reading import file, read

TMX = """<?xml version="1.0"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>{}</body></tmx>"""


def unit(**texts):
    variants = (f'<tuv xml:lang="{tag}"><seg>{text}</seg></tuv>' for tag, text in texts.items())
    return f"<tu>{''.join(variants)}</tu>\n"


def test_tmx_units_hold_any_number_of_languages(tmp_path):
    body = unit(en="a dog", fr="un chien", sr="пас") + unit(en="two", fr="deux")
    reading = read(file(tmp_path, "t.tmx", TMX.format(body)))
    assert [(row.language, row.text) for row in reading.rows][:3] == [
        ("en", "a dog"),
        ("fr", "un chien"),
        ("sr", "пас"),
    ]
    assert reading.counts.units == 2


def test_code_of_the_document_is_no_text_and_marked_words_are(tmp_path):
    seg = 'The <bpt i="1">&lt;b></bpt>big<ept i="1">&lt;/b></ept>\n   <hi>black</hi> cat<ph/>.'
    reading = read(file(tmp_path, "t.tmx", TMX.format(unit(en=seg, fr="<ph>{1}</ph>"))))
    assert [row.text for row in reading.rows] == ["The big black cat."]
    assert reading.counts.missing == 1


def test_a_unit_without_text_or_with_one_language_twice_is_rejected(tmp_path):
    twice = '<tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="eng"><seg>b</seg></tuv></tu>'
    reading = read(file(tmp_path, "t.tmx", TMX.format(unit(en="<ph/>", fr=" ") + twice)))
    assert [bad.reason.split(",")[0] for bad in reading.rejected] == [
        "is empty",
        "expected a different language for each text",
    ]


def test_tmx_in_utf_16_is_read(tmp_path):
    text = TMX.replace('<?xml version="1.0"?>', "").strip().format(unit(en="a", ru="б"))
    assert len(read(file(tmp_path, "t.tmx", text.encode("utf-16"))).rows) == 2


def with_entities(entities, body):
    content = TMX.replace('<!DOCTYPE tmx SYSTEM "tmx14.dtd">', f"<!DOCTYPE tmx [{entities}]>")
    return content.format(body)


def test_no_entity_is_expanded_and_no_file_opened(tmp_path):
    secret = file(tmp_path, "secret.txt", "secret")
    entities = f'<!ENTITY word "ha"><!ENTITY file SYSTEM "{secret.as_uri()}">'
    body = unit(en="&file;", fr="x") + unit(en="&word; &lt;", fr="y") + unit(en="a &amp; b", fr="c")
    reading = read(file(tmp_path, "t.tmx", with_entities(entities, body)))
    assert [row.text for row in reading.rows] == ["a & b", "c"]
    assert [bad.reason.split(",")[0] for bad in reading.rejected] == [
        "uses the entity &file;",
        "uses the entity &word;",
    ]


def test_entities_that_would_grow_without_end_are_refused(tmp_path):
    bomb = "".join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 10}">' for i in range(1, 12))
    content = with_entities(f'<!ENTITY b0 "ha">{bomb}', unit(en="&b11;", fr="x"))
    with pytest.raises(InputError, match="entity amplification"):
        read(file(tmp_path, "t.tmx", content))


def test_xml_that_is_not_well_formed_is_named(tmp_path):
    with pytest.raises(InputError, match="well-formed"):
        read(file(tmp_path, "t.tmx", TMX.format(unit(en="a", fr="b"))[:-20]))


XLIFF1 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:1.2" version="1.2">
<file source-language="en" target-language="zh_CN" datatype="plaintext" original="x"><body>
<trans-unit id="1"><source>a <g id="1">dog</g></source><target>狗<x id="2"/></target>
  <alt-trans><target>犬</target></alt-trans></trans-unit>
<trans-unit id="2"><source>a cat</source></trans-unit>
<trans-unit id="3"><source>b</source><target state="needs-translation">b</target></trans-unit>
</body></file></xliff>"""
XLIFF2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="fr">
<file id="f"><unit id="1"><segment><source>a <pc id="1">dog</pc>.</source><target>un chien.</target></segment>
<segment><source>Two.</source><target>Deux.</target></segment></unit></file></xliff>"""


def test_xliff_1_units_are_read_and_untranslated_ones_miss_their_target(tmp_path):
    reading = read(file(tmp_path, "t.xlf", XLIFF1))
    assert [row[1:] for row in reading.rows] == [
        ("en", "a dog"),
        ("zh-CN", "狗"),
        ("en", "a cat"),
        ("en", "b"),
    ]
    assert reading.counts.missing == 2


def test_xliff_2_segments_are_read(tmp_path):
    reading = read(file(tmp_path, "t.xliff", XLIFF2))
    assert [row.text for row in reading.rows] == ["a dog.", "un chien.", "Two.", "Deux."]


def test_xliff_that_says_no_language_is_told_which(tmp_path):
    path = file(tmp_path, "t.xlf", XLIFF1.replace('target-language="zh_CN"', ""))
    with pytest.raises(InputError, match="--languages"):
        read(path)
    assert len(read(path, languages=["en", "sw"]).rows) == 4


PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset={charset}\\n"
"Language: ru\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);\\n"

# a comment
msgid "Dog"
msgstr "Собака"

#, fuzzy
msgid "Cat"
msgstr "Собака"

msgid "Bird"
msgstr ""

msgid "{{n}} mouse"
msgid_plural "{{n}} mice"
msgstr[0] "{{n}} мышь"
msgstr[1] "{{n}} мыши"
msgstr[2] "{{n}} мышей"

#~ msgid "Gone"
#~ msgstr "Нет"
"""


@pytest.mark.parametrize("charset", ["UTF-8", "CP1251", "koi8-r"])
def test_po_is_read_in_the_encoding_of_its_header(tmp_path, charset):
    reading = read(file(tmp_path, "t.po", PO.format(charset=charset).encode(charset)))
    assert [row.text for row in reading.rows] == [
        "Dog",
        "Собака",
        "Cat",
        "Bird",
        "{n} mouse",
        "{n} мышь",
        "{n} mice",
        "{n} мышей",
    ]
    assert reading.counts.missing == 2
    assert reading.rows[0].meaning == reading.rows[1].meaning


def test_the_languages_of_po_are_those_of_the_header_the_name_or_the_options(tmp_path):
    bare = PO.replace('"Language: ru\\n"\n', "").format(charset="UTF-8")
    assert {row.language for row in read(file(tmp_path, "app.en-uk.po", bare)).rows} == {"en", "uk"}
    path = file(tmp_path, "messages.po", bare)
    with pytest.raises(InputError, match="--languages en de"):
        read(path)
    assert {row.language for row in read(path, languages=["de", "be"]).rows} == {"de", "be"}


def test_messages_of_several_lines_are_rejected_with_their_line(tmp_path):
    reading = read(file(tmp_path, "de.po", 'msgid "one\\ntwo"\nmsgstr "eins\\nzwei"\n'))
    assert {bad.where for bad in reading.rejected} == {"line 1 (en)", "line 1 (de)"}


EN = """1
00:00:01,000 --> 00:00:02,500
<i>Hello,</i>
you there.

2
00:00:03,000 --> 00:00:04,000
Yes.
""".replace("\n", "\r\n")
DE = "1\n00:00:01,000 --> 00:00:02,500\n{\\an8}Hallo, du.\n\n2\n00:00:03,100 --> 00:00:04,000\nJa.\n\noops\n"


def test_subtitles_of_one_film_translate_each_other_where_they_stand_at_the_same_time(tmp_path):
    reading = read(file(tmp_path, "film.en.srt", EN), file(tmp_path, "film.deu.srt", DE))
    numbers = {row.text: row.meaning for row in reading.rows}
    assert numbers["Hello, you there."] == numbers["Hallo, du."]
    assert numbers["Yes."] != numbers["Ja."]
    assert [bad.where for bad in reading.rejected] == ["film.deu.srt line 9"]


def test_subtitles_of_another_film_do_not(tmp_path):
    reading = read(file(tmp_path, "one.en.srt", EN), file(tmp_path, "two.de.srt", DE))
    assert len({row.meaning for row in reading.rows}) == 4


def test_a_block_of_several_languages_is_one_unit(tmp_path):
    block = "1\n00:00:01,000 --> 00:00:02,500\n[deu] Hallo\n[eng] Hello\n[zho] 你好\n"
    reading = read(file(tmp_path, "film.msrt", block))
    assert [row[1:] for row in reading.rows] == [("de", "Hallo"), ("en", "Hello"), ("zh", "你好")]
    assert len({row.meaning for row in reading.rows}) == 1


def conllu(*sentences):
    return "".join(
        f"# sent_id = {name}\n{extra}# text = {text}\n1\t{text}\t_\t_\t_\t_\t0\troot\t_\t_\n\n"
        for name, text, extra in sentences
    )


def test_sentences_of_treebanks_with_one_parallel_id_translate_each_other(tmp_path):
    texts = {"de_pud-ud-test.conllu": "Hund", "zh_pud-ud-test.conllu.gz": "狗"}
    paths = [
        file(tmp_path, name, conllu(("s1", text, "# parallel_id = pud/1\n"), ("s2", text * 2, "")))
        for name, text in texts.items()
    ]
    rows = read(*paths).rows
    assert {row.language for row in rows} == {"de", "zh"}
    assert len({row.meaning for row in rows if row.text in texts.values()}) == 1
    assert len({row.meaning for row in rows}) == 3


def test_sentence_ids_are_meanings_on_demand_and_other_comments_texts(tmp_path):
    path = file(tmp_path, "x.conllu", conllu(("s1", "Hund", "# text_en = dog\n"), ("s2", "Katze", "")))
    reading = read(path, columns={"de": "text", "en": "text_en", "meaning": "sent_id"})
    assert [row.text for row in reading.rows] == ["Hund", "dog"]
    assert "text_en" in reading.rejected[0].reason
