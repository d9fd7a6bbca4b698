"""What a corpus costs before the model sees it."""

import pytest

from lab.bench import drawing


def test_memory_of_an_open_corpus_does_not_grow_with_its_sentences(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "CORPORA", ((4, 20_000), (4, 200_000)))
    reports = []
    rows = drawing.drawing_rows(tmp_path, lambda phase, done, total: reports.append((done, total)))
    assert reports == [(1, 2), (2, 2)]
    assert [row["name"] for row in rows] == 2 * list(drawing.MEASURED)
    assert all(row["ours"] > 0 for row in rows)
    few, many = (row["ours"] for row in rows if row["name"] == "keeping a corpus open: memory")
    # 8 bytes a sentence would be 1.4 MiB more
    assert many == pytest.approx(few, abs=0.3)
    assert not list(tmp_path.iterdir())
