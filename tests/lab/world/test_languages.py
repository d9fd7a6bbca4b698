"""Every language file is complete and unambiguous, and the check sees what is wrong with one that is not."""

import unicodedata

import numpy as np
import pytest

from core.errors import InputError
from lab.world import LANGUAGES, World
from lab.world.check import check
from lab.world.examples import MARK, examples_table
from lab.world.facts import FOLDER, role_relations

XNLI = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


def test_the_fifteen_xnli_languages_are_there():
    assert set(XNLI) <= set(LANGUAGES)
    assert list(LANGUAGES) == sorted(LANGUAGES)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_language_has_no_problems(tag):
    assert check(tag, exhaustive=False) == []


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_hundred_thousand_facts_have_a_hundred_thousand_sentences(tag):
    world = World.load((tag,), paraphrases=True)
    texts = [text for _, _, text in world.rows(world.draw(100_000, 5))]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_fact_of_the_small_world_has_its_own_tidy_sentence(tag):
    world = World.load((tag,), size="small", paraphrases=True)
    texts = [text for _, _, text in world.rows(np.arange(world.num_meanings))]
    assert len(set(texts)) == world.num_meanings == 14 * 3**5
    assert_tidy(texts)


def assert_tidy(texts):
    for text in texts:
        assert text == unicodedata.normalize("NFC", text) == text.strip()
        assert "  " not in text


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_role_fact_has_its_own_tidy_sentence_in_every_wording(tag):
    world = World.load((tag,), relations=tuple(role_relations()), paraphrases=True)
    facts = np.arange(world.num_meanings)
    wordings = [world.verbalisers[tag].texts([facts], np.full((len(facts), 1), w)) for w in (0.25, 0.75)]
    texts = np.concatenate(wordings).tolist()
    assert len(set(texts)) == len(texts) == 2 * 240 * (12 + 9 + 12 + 12)
    assert_tidy(texts)


def _broken(tmp_path, tag, old, new):
    text = (FOLDER / "languages" / f"{tag}.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / f"{tag}.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return check(path, exhaustive=False)


@pytest.mark.parametrize(
    ("tag", "old", "new", "seen"),
    [
        ("en", 'cat = "cats"\n', "", "[animal] has no row for cat"),
        ("en", 'cat = "cats"\n', 'cat = "cats"\nunicorn = "unicorns"\n', "unicorn is no entity"),
        ("en", 'cat = "cats"', 'cat = "dogs"', "share the form 'dogs'"),
        ("en", "{number} {food} {place}", "{number} {fruit} {place}", "unknown slot 'fruit'"),
        ("en", "{object:pl}", "{object:plural}", "no column for 'plural'"),
        ("en", "{object:pl}", "things", "does not tell object"),
        ("en", '[words]\n', '[words]\nher = "her"\n', "her is used by no template"),
        ("en", 'columns = "sg | pl | a"', 'columns = "sg, pl | pl | a"', "two columns for 'pl'"),
        ("en", 'book = "book | books | a book"', 'book = "book"', "book has 1 cells, its header 3"),
        ("en", "[words]", "words", "no complete language file"),
        ("ru", "{gave:<person.gender>}", "{gave:<person.sex>}", "no column for '@sex'"),
        ("ru", ', m = "подарил" }', " }", "gave has no form 'm'"),
        ("vi", "mẹ", unicodedata.normalize("NFD", "mẹ"), "normal form NFC"),
        ("zh", 'join = "，而且"', 'join = "，"', "which joins facts"),
        ("en", "gave {other} {object:a}", "gave {object:a}", "does not tell other"),
        ("en", "who then bought", "{somebody} then bought", "unknown slot 'somebody'; slots are person, other, object"),
        ("de", "{who:<other.gender>}", "{who:<other.sex>}", "no column for '@sex'"),
    ],
)  # fmt: skip
def test_the_check_sees(tmp_path, tag, old, new, seen):
    assert any(seen in problem for problem in _broken(tmp_path, tag, old, new))


def test_the_exhaustive_check_sees_a_sentence_that_tells_two_facts(tmp_path):
    # "redcats" is a red dog and a re cat
    path = tmp_path / "en.toml"
    text = (FOLDER / "languages" / "en.toml").read_text(encoding="utf-8")
    for old, new in [
        ("saw {number} {colour} {animal}", "saw {number} {colour}{animal}"),
        ('cat = "cats"', 'cat = "dcats"'),
        ('dog = "dogs"', 'dog = "cats"'),
        ('red = "red"', 'red = "re"'),
        ('blue = "blue"', 'blue = "red"'),
    ]:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    assert any("redcats" in problem and "tells 2 facts" in problem for problem in check(path))


def test_the_exhaustive_check_finds_nothing_in_english():
    assert check("en") == []


def test_an_unknown_language_is_the_users_mistake():
    with pytest.raises(InputError, match="no language file xx"):
        check("xx")
    with pytest.raises(InputError, match="languages must be distinct tags"):
        World.load(("en", "xx"))


def test_the_examples_in_the_documentation_are_those_of_today():
    page = (FOLDER.parent.parent / "docs" / "world.md").read_text(encoding="utf-8")
    assert page.split(MARK)[1].strip() == examples_table().strip()
