"""A shared vocabulary from text of real shape: the same in one process and in two, and what is refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from core.errors import InputError
from core.text.corpus import write_corpus
from core.text.vocabulary.alp import average_log_probability
from core.text.vocabulary.build import build_vocabulary
from core.text.vocabulary.samples import read_lines, write_samples
from core.vocabulary_settings import TokenizerSettings
from tests.real_shape import real_shape_corpus

NTREX = Path(__file__).parents[5] / "shared" / "data" / "ntrex"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return real_shape_corpus(tmp_path_factory.mktemp("build") / "real", 0.02)


def settings(**changes):
    return TokenizerSettings(**{"vocabulary": 600, "allocation": "vocap", "sizes": 20, **changes})


@pytest.fixture(scope="module")
def built(corpus):
    return build_vocabulary(corpus, settings(), processes=1)


def test_every_language_of_real_text_gets_pieces_and_the_union_fits(corpus, built):
    assert set(built.allocated.sizes) == set(corpus.languages)
    assert built.allocated.union <= 600 - 5
    # the smallest size of a language cannot be less than its characters; de has three sentences
    assert built.allocated.sizes["de"] == built.curves[corpus.languages.index("de")].sizes[-1]
    assert built.tokenizer.size == built.allocated.union + 5


def test_all_text_comes_back(corpus, built):
    for row in list(corpus.rows())[::37]:
        (ids,) = built.tokenizer.encode([row.text])
        assert built.tokenizer.decode(ids) == row.text


def test_two_processes_make_the_same_vocabulary_as_one(corpus, built):
    again = build_vocabulary(corpus, settings(), processes=2)
    assert again.tokenizer.digest == built.tokenizer.digest
    assert again.document() == built.document()


def test_the_path_of_another_beta_is_that_of_a_vocabulary_built_with_it(corpus):
    both = build_vocabulary(corpus, settings(sizes=6), processes=1, betas=(0.0, 0.7)).document()
    alone = build_vocabulary(corpus, settings(sizes=6, beta=0.0), processes=1).document()
    assert both["paths"]["0.7"] == both["path"]
    assert both["paths"]["0.0"] == alone["path"] != both["path"]


def test_progress_counts_the_languages(corpus):
    seen = []
    build_vocabulary(corpus, settings(sizes=3), progress=lambda phase, done, of: seen.append((done, of)))
    assert seen == [(number + 1, 12) for number in range(12)]


def test_the_document_says_what_was_infeasible_and_why(built):
    document = json.loads(json.dumps(built.document()))
    assert "the text yields" in " ".join(document["curves"]["de"]["infeasible"].values())
    assert document["shared_pieces"] == sum(document["allocation"].values()) - document["pieces"]
    assert len(document["curves"]["fr"]["hull"]) == len(document["curves"]["fr"]["sizes"])


def test_an_equal_allocation_gives_every_language_the_same_size_or_the_nearest_that_it_has(corpus):
    built = build_vocabulary(corpus, settings(allocation="equal"), processes=1)
    sizes = built.allocated.sizes
    common = max(sizes[curve.language] for curve in built.curves if sizes[curve.language] > curve.sizes[0])
    for curve in built.curves:
        below = [size for size in curve.sizes if size <= common]
        assert sizes[curve.language] == max(below, default=curve.sizes[0])


def test_a_joint_vocabulary_is_trained_on_all_languages(corpus):
    built = build_vocabulary(corpus, settings(vocabulary=900, allocation="joint", algorithm="unigram"))
    assert built.allocated is None
    assert built.tokenizer.size <= 900
    for row in list(corpus.rows())[::91]:
        (ids,) = built.tokenizer.encode([row.text])
        assert 3 not in ids, row


def test_vocap_has_a_better_weighted_alp_than_an_equal_allocation(corpus, built):
    equal = build_vocabulary(corpus, settings(allocation="equal"), processes=1)
    assert built.document()["objective_nats"] > equal.document()["objective_nats"]


def test_no_language_is_read_in_more_lines_than_its_part(corpus, tmp_path):
    paths = write_samples(corpus, tmp_path, 50)
    numbers = {tag: len(list(read_lines(path))) for tag, path in paths.items()}
    assert numbers["de"] == corpus.info.languages["de"]
    # each line is drawn by itself: five standard deviations round 50
    assert abs(numbers["en"] - 50) < 5 * np.sqrt(50)
    assert set(read_lines(paths["vi"])) <= {row.text for row in corpus.rows()}


def test_a_vocabulary_too_small_for_the_languages_is_refused(corpus):
    with pytest.raises(InputError, match="the smallest vocabularies of 12 languages"):
        build_vocabulary(corpus, settings(vocabulary=100), processes=1)


def test_a_language_of_spaces_is_refused_also_from_another_process(tmp_path):
    rows = [(1, "en", "the dog"), (1, "fr", "   ")]
    corpus = write_corpus(rows, tmp_path / "spaces")
    with pytest.raises(InputError, match="expected text of fr, got none but spaces"):
        build_vocabulary(corpus, settings(), processes=2)


def test_byte_pairs_cannot_be_united():
    with pytest.raises(ValidationError, match="the allocation vocap unites unigram vocabularies"):
        settings(algorithm="bpe")


def test_the_default_is_one_byte_pair_tokenizer_of_all_text():
    assert (TokenizerSettings().allocation, TokenizerSettings().trained_as) == ("joint", "bpe")
    assert settings().trained_as == "unigram"


@pytest.mark.skipif(not NTREX.is_dir(), reason="the news sentences of ../shared/data are not here")
def test_vocap_has_a_better_weighted_alp_than_a_joint_vocabulary_of_as_many_pieces_on_balanced_news(tmp_path):
    rows = [
        (meaning, tag, line)
        for tag, name in {"en": "eng-US", "fr": "fra", "tr": "tur", "hi": "hin", "el": "ell"}.items()
        for meaning, line in enumerate(_news(name))
        if meaning < 500
    ]
    news = write_corpus(rows, tmp_path / "news")
    vocap = build_vocabulary(news, settings(vocabulary=2_000), processes=1)
    same = settings(vocabulary=vocap.tokenizer.size, allocation="joint", algorithm="unigram")
    joint = build_vocabulary(news, same)
    assert joint.tokenizer.size == vocap.tokenizer.size
    values = []
    for shared in (vocap, joint):
        total = 0.0
        for tag, weight in shared.weights.items():
            texts = [text for _, language, text in rows if language == tag]
            ids = np.concatenate([row[1:-1] for row in shared.tokenizer.encode(texts)])
            total += weight * average_log_probability(np.bincount(ids), len(texts))
        values.append(total)
    assert values[0] > values[1]


def _news(name: str) -> list[str]:
    return gzip.decompress((NTREX / f"newstest2019.{name}.txt.gz").read_bytes()).decode().splitlines()
