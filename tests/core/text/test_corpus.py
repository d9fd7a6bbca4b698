"""The sentence table on disk."""

import json
import tracemalloc
import unicodedata

import pytest

from core.errors import InputError
from core.text.corpus import CorpusRow, language_tag, open_corpus, write_corpus

ROWS = [(0, "en", "A dog."), (0, "fr", "Un chien."), (1, "en", "Two cats."), (7, "hi", "एक कुत्ता।")]


def test_rows_come_back_as_they_were_written(tmp_path):
    corpus = write_corpus(ROWS, tmp_path / "c", source="here", licence="MIT")
    assert list(open_corpus(tmp_path / "c").rows()) == [CorpusRow(*row) for row in ROWS]
    assert corpus.info.languages == {"en": 2, "fr": 1, "hi": 1}
    assert (corpus.info.sentences, corpus.info.meanings) == (4, 3)


def test_text_is_stored_in_nfc(tmp_path):
    corpus = write_corpus([(0, "fr", unicodedata.normalize("NFD", "été"))], tmp_path / "c")
    assert [row.text for row in corpus.rows()] == ["été"]


def test_the_hash_tells_content_not_shards(tmp_path):
    digest, same, other_digest = (
        write_corpus(rows, tmp_path / str(name)).info.sha256
        for name, rows in enumerate((ROWS, iter(ROWS), [*ROWS[:3], (7, "hi", "दो")]))
    )
    assert digest == same != other_digest


def test_an_existing_folder_is_not_overwritten_unasked(tmp_path):
    write_corpus(ROWS, tmp_path / "c")
    with pytest.raises(InputError, match="--overwrite"):
        write_corpus(ROWS[:1], tmp_path / "c")
    assert write_corpus(ROWS[:1], tmp_path / "c", overwrite=True).info.sentences == 1


def test_an_empty_corpus_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="empty"):
        write_corpus([], tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def rows():
        yield ROWS[0]
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        write_corpus(rows(), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_corpus_is_named(tmp_path):
    with pytest.raises(InputError, match="lab corpus import"):
        open_corpus(tmp_path)


def test_another_format_is_refused(tmp_path):
    write_corpus(ROWS, tmp_path / "c")
    path = tmp_path / "c" / "corpus.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        open_corpus(tmp_path / "c")


def test_a_damaged_shard_is_named(tmp_path):
    corpus = write_corpus(ROWS, tmp_path / "c")
    shard = next((tmp_path / "c").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(InputError, match="damaged"):
        list(corpus.rows())


def test_meanings_are_counted_in_whatever_order_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr("core.text.corpus.MEANINGS_AT_ONCE", 7)
    meanings = [5, -3, 2**62, 5, 0, -3, 8, 2**62 + 7, *range(20), *range(20)]
    rows = ((meaning, "en", str(position)) for position, meaning in enumerate(meanings))
    assert write_corpus(rows, tmp_path / "c").info.meanings == len(set(meanings))


def test_writing_does_not_hold_the_corpus_in_memory(tmp_path, monkeypatch):
    for name, rows in (("CHUNK_ROWS", 500), ("SHARD_ROWS", 1_000), ("MEANINGS_AT_ONCE", 1_000)):
        monkeypatch.setattr(f"core.text.corpus.{name}", rows)

    def peak(count: int) -> int:
        tracemalloc.start()
        write_corpus(((i, "en", f"sentence number {i} of many") for i in range(count)), tmp_path / str(count))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(100)
    # two chunks are alive at most: ten times the rows need little more
    assert peak(20_000) < 2 * peak(2_000)


@pytest.mark.parametrize(
    ("tag", "short"), [("deu", "de"), ("zho-CN", "zh-CN"), ("cmn", "zh"), ("arb", "ar"), ("EN", "en")]
)
def test_language_tags_become_as_short_as_possible(tag, short):
    assert language_tag(tag) == short


@pytest.mark.parametrize("tag", ["xx", "klingonish", "", "e", "../en"])
def test_unknown_language_tags_are_refused(tag):
    with pytest.raises(InputError, match="language tag"):
        language_tag(tag)
