"""The table of links: against the aligner run pair by pair, on text of real shape, written once by many processes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.text.alignment import linking, pairs
from core.text.alignment.linking import link_table
from core.text.alignment.model import AlignmentSettings, train_lexicon
from core.text.alignment.pairs import WordPairs
from core.text.alignment.table import TokenLinks
from core.text.encoded import encode_corpus
from core.text.tokenizer import train_tokenizer
from tests.core.text.conftest import sentences
from tests.core.training import write_text
from tests.real_shape import real_shape_corpus

VOCABULARY = 80


@pytest.fixture
def corpus(tmp_path):
    return write_text(tmp_path, sentences(60))[0]


def slow_links(corpus, rows):
    """Links of every translation of a pair of languages, as {(pair, side, token): {linked: posterior}}."""
    sides = [[[str(each) for each in corpus.row(int(row))[1:-1]] for row in rows[:, side]] for side in (0, 1)]
    links = {}
    for side in (0, 1):
        source, target = sides[1 - side], sides[side]
        words = WordPairs.of(source, target)
        lexicon = train_lexicon(words)
        theta = dict(zip(lexicon.keys.tolist(), lexicon.probability.tolist(), strict=True))
        numbers = [dict.fromkeys(word for line in text for word in line) for text in (source, target)]
        of_source, of_target = ({word: at for at, word in enumerate(side, start=1)} for side in numbers)
        settings = AlignmentSettings()
        for pair, (e, f) in enumerate(zip(source, target, strict=True)):
            for i, word in enumerate(f, start=1):
                near = [
                    np.exp(-settings.tension * abs(i / len(f) - j / len(e))) for j in range(1, len(e) + 1)
                ]
                weights = [
                    settings.null if e else 1.0,
                    *((1 - settings.null) * each / sum(near) for each in near),
                ]
                scores = [
                    weight * theta.get(source_word * lexicon.num_target + of_target[word], 0.0)
                    for weight, source_word in zip(
                        weights, [0, *(of_source[each] for each in e)], strict=True
                    )
                ]
                best = sorted(range(len(e)), key=lambda j: -scores[j + 1])[: linking.MOST_LINKS]
                row = {
                    j: scores[j + 1] / sum(scores)
                    for j in best
                    if scores[j + 1] > linking.LEAST * sum(scores)
                }
                if row:
                    links[pair, side, i - 1] = row
    return links


def as_dict(links: TokenLinks):
    rows = {}
    for pair, side, token, linked, posterior in zip(
        links.pair, links.side, links.token, links.linked, links.posterior, strict=True
    ):
        rows.setdefault((int(pair), int(side), int(token)), {})[int(linked)] = float(posterior)
    return rows


@pytest.mark.parametrize("cells", [40, 2_000_000])
def test_the_table_holds_the_best_posteriors_of_the_aligner(corpus, cells, monkeypatch):
    monkeypatch.setattr(linking, "CELLS", cells)
    monkeypatch.setattr(pairs, "CELLS", cells)
    table = link_table(corpus, None, VOCABULARY)
    translations = table.translations
    for begin, end in zip(translations.bounds, translations.bounds[1:], strict=False):
        rows = translations.rows[begin:end]
        links, expected = as_dict(table.of(rows)), slow_links(corpus, rows)
        assert links.keys() == expected.keys()
        for key, row in expected.items():
            # stored as parts of 65,535
            assert links[key] == pytest.approx(row, abs=2e-5)


def test_a_pair_in_the_other_order_has_its_sides_exchanged(corpus):
    table = link_table(corpus, None, VOCABULARY)
    rows = np.array(table.translations.rows)[::7]
    forward, backward = as_dict(table.of(rows)), as_dict(table.of(rows[:, ::-1]))
    assert {(pair, 1 - side, token): row for (pair, side, token), row in forward.items()} == backward
    assert len(forward) > 100


def test_links_lie_inside_their_sentences_and_posteriors_of_a_token_sum_to_at_most_one(tmp_path):
    corpus = real_shape_corpus(tmp_path / "c", 0.02)
    tokenizer = train_tokenizer((row.text for row in corpus.rows()), 1_000, byte_fallback=True)
    encoded = encode_corpus(corpus, tokenizer, tmp_path / "e", 24)
    table = link_table(encoded, "en", tokenizer.size)
    rows = np.array(table.translations.rows)
    links = table.of(rows)
    lengths = encoded.lengths()[rows] - 2
    assert (links.token < lengths[links.pair, links.side]).all()
    assert (links.linked < lengths[links.pair, 1 - links.side]).all()
    pair, side, token, masses = links.masses()
    assert (masses <= 1 + 1e-9).all()
    assert len(set(zip(pair, side, token, strict=True))) == len(masses)


def test_counts_of_linked_tokens_are_those_of_counting_one_by_one(corpus, monkeypatch):
    table = link_table(corpus, None, VOCABULARY)
    begin, end = table.translations.bounds[1:3]
    rows = table.translations.rows[begin:end]
    expected = np.zeros(VOCABULARY)
    for (pair, side, token), row in as_dict(table.of(rows)).items():
        if sum(row.values()) > 0.6:
            expected[corpus.row(int(rows[pair, side]))[token + 1]] += 1
    for size in (7, 20_000):
        monkeypatch.setattr("core.text.alignment.table.COUNTED", size)
        assert table.token_counts(1, 0.6, VOCABULARY).tolist() == expected.tolist()
    assert 0 < expected.sum() < len(as_dict(table.of(rows)))


def test_the_table_is_written_once_and_again_only_where_it_is_damaged(corpus, monkeypatch):
    written = []
    write = linking.write_links
    monkeypatch.setattr(linking, "write_links", lambda *args: (written.append(1), write(*args)))
    with ThreadPoolExecutor(4) as threads:
        tables = list(threads.map(lambda _: link_table(corpus, "en", VOCABULARY), range(4)))
    assert len(written) == 1
    assert len({len(table) for table in tables}) == 1
    (corpus.folder / f"links-{corpus.languages.index('en')}" / "token.bin").write_bytes(b"")
    assert len(link_table(corpus, "en", VOCABULARY)) == len(tables[0])
    assert len(written) == 2


def test_progress_ends_at_its_total(corpus):
    reports = []
    link_table(corpus, None, VOCABULARY, lambda *report: reports.append(report))
    done = [done for _, done, _ in reports]
    assert done == sorted(done)
    assert reports[-1][1] == reports[-1][2]
