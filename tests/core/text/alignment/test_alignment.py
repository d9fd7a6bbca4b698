"""The statistical aligner: against a transcription word by word, laws of expectation maximisation, and joined links."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma

from core.errors import InputError
from core.text.alignment import pairs as pair_module
from core.text.alignment.links import align_both_ways, best_links, joined
from core.text.alignment.model import MODEL_1, AlignmentSettings, posteriors, prior, train_lexicon
from core.text.alignment.pairs import NULL, WordPairs
from core.text.alignment.words import split_words
from core.text.encoded import Rows

SOURCE = [["the", "house"], ["the", "book"], ["a", "book"], ["the", "red", "house", "is", "big"], []]
TARGET = [
    ["la", "maison"],
    ["le", "livre"],
    ["un", "livre"],
    ["la", "maison", "rouge", "est", "grande"],
    ["oui"],
]
DIAGONAL = AlignmentSettings(iterations=4)


def slow_lexicon(source, target, settings):
    """theta by loops over words, as Dyer et al. 2013 write it, and the log-likelihood before each iteration."""
    theta = defaultdict(lambda: 1 / (len({word for words in target for word in words}) + 1))
    likelihoods = []
    for _ in range(settings.iterations):
        counts, likelihood = defaultdict(float), 0.0
        for e, f in zip(source, target, strict=True):
            for i, word in enumerate(f, start=1):
                if settings.tension is None:
                    weights = {None: 1 / (len(e) + 1)} | {j: 1 / (len(e) + 1) for j in range(1, len(e) + 1)}
                else:
                    near = {
                        j: math.exp(-settings.tension * abs(i / len(f) - j / len(e)))
                        for j in range(1, len(e) + 1)
                    }
                    weights = {None: settings.null if e else 1.0}
                    weights |= {
                        j: (1 - settings.null) * value / sum(near.values()) for j, value in near.items()
                    }
                scores = {j: p * theta[e[j - 1] if j else None, word] for j, p in weights.items()}
                total = sum(scores.values())
                likelihood += math.log(total)
                for j, score in scores.items():
                    counts[e[j - 1] if j else None, word] += score / total
        likelihoods.append(likelihood)
        totals = defaultdict(float)
        for (e, _), count in counts.items():
            totals[e] += count + (settings.alpha or 0.0)
        theta = {
            (e, f): count / totals[e]
            if settings.alpha is None
            else math.exp(digamma(count + settings.alpha) - digamma(totals[e]))
            for (e, f), count in counts.items()
        }
    return theta, likelihoods


@pytest.mark.parametrize(
    "settings", [MODEL_1, DIAGONAL, AlignmentSettings(tension=1.0, alpha=None, null=0.3)]
)
@pytest.mark.parametrize("cells", [1, 2_000_000])
def test_the_lexicon_is_that_of_loops_over_words(settings, cells, monkeypatch):
    monkeypatch.setattr(pair_module, "CELLS", cells)
    words = WordPairs.of(SOURCE, TARGET)
    table = train_lexicon(words, settings)
    theta, likelihoods = slow_lexicon(SOURCE, TARGET, settings)
    assert table.log_likelihoods == pytest.approx(likelihoods, rel=1e-10)
    numbers = [dict.fromkeys(word for row in side for word in row) for side in (SOURCE, TARGET)]
    source, target = ({word: at for at, word in enumerate(side, start=1)} for side in numbers)
    for (e, f), probability in theta.items():
        at = np.searchsorted(table.keys, (source[e] if e else NULL) * table.num_target + target[f])
        assert table.probability[at] == pytest.approx(probability, rel=1e-9)
    assert len(table.keys) == len(theta)


def test_model_1_never_lowers_the_likelihood():
    table = train_lexicon(WordPairs.of(SOURCE, TARGET), AlignmentSettings(10, tension=None, alpha=None))
    assert (np.diff(table.log_likelihoods) >= -1e-9).all()


@pytest.mark.parametrize("settings", [MODEL_1, DIAGONAL])
def test_what_a_target_word_comes_from_sums_to_one_before_and_after_it_is_seen(settings):
    words = WordPairs.of(SOURCE, TARGET)
    table = train_lexicon(words, settings)
    (cells,) = words.blocks()
    posterior, _ = posteriors(cells, table, settings)
    for share in (prior(cells, settings), posterior):
        assert np.add.reduceat(share, cells.starts) == pytest.approx(np.ones(len(cells.starts)))
    assert len(cells.starts) == sum(map(len, TARGET))


def test_words_that_the_table_does_not_know_are_linked_to_nothing():
    table = train_lexicon(WordPairs.of(SOURCE, TARGET), DIAGONAL)
    source, target = (
        WordPairs.of([["x", "y"]], [["u", "v", "w"]]).source,
        WordPairs.of([[]], [["u", "v"]]).target,
    )
    unseen = WordPairs(Rows(source.ids + 90, source.lengths), target, 99, table.num_target)
    assert list(best_links(unseen, table, DIAGONAL)) == [frozenset()]


def test_swapping_the_sides_swaps_the_links():
    there = align_both_ways(WordPairs.of(SOURCE, TARGET), DIAGONAL)
    back = align_both_ways(WordPairs.of(TARGET, SOURCE), DIAGONAL)
    for (forward, backward), (swapped_forward, swapped_backward) in zip(there, back, strict=True):
        assert forward == {(i, j) for j, i in swapped_backward}
        assert backward == {(i, j) for j, i in swapped_forward}


def test_a_copied_text_is_linked_word_by_word():
    rng = np.random.default_rng(0)
    text = [[f"w{word}" for word in rng.permutation(30)[:6]] for _ in range(60)]
    for forward, backward in align_both_ways(WordPairs.of(text, text)):
        assert forward & backward == {(at, at) for at in range(6)}


def test_text_without_a_word_on_one_side_is_refused():
    with pytest.raises(InputError, match="expected sentence pairs with words"):
        train_lexicon(WordPairs.of([["a"], []], [[], []]))


LINKS = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(LINKS, LINKS)
def test_joined_links_lie_between_intersection_and_union(forward, backward):
    both, either = joined(forward, backward, "intersection"), joined(forward, backward, "union")
    grown = joined(forward, backward, "grow-diag-final-and")
    assert both == forward & backward
    assert both <= grown <= either == forward | backward
    # final-and leaves no link out whose words both stand free
    sources, targets = {i for i, _ in grown}, {j for _, j in grown}
    assert not [(i, j) for i, j in either if i not in sources and j not in targets]


@pytest.mark.parametrize(
    ("forward", "backward", "grown"),
    [
        # (1, 1) touches the intersection and links free words
        ({(0, 0), (1, 1)}, {(0, 0)}, {(0, 0), (1, 1)}),
        # (3, 3) touches nothing: final-and adds it, because both words are free
        ({(0, 0), (3, 3)}, {(0, 0)}, {(0, 0), (3, 3)}),
        # (0, 3) touches nothing and links a word that has a link
        ({(0, 0), (0, 3)}, {(0, 0)}, {(0, 0)}),
        # a neighbour may share one of its words
        ({(0, 0), (0, 1)}, {(0, 0)}, {(0, 0), (0, 1)}),
    ],
)
def test_growing_adds_neighbours_of_free_words_and_then_links_of_free_words(forward, backward, grown):
    assert joined(frozenset(forward), frozenset(backward), "grow-diag-final-and") == grown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't GO!", ["don", "'", "t", "go", "!"]),
        ("我喜欢茶。", ["我", "喜", "欢", "茶", "。"]),
        ("ไปไหน", ["ไ", "ป", "ไ", "ห", "น"]),
        ("Cafe\u0301", ["café"]),
        ("", []),
    ],
)
def test_sentences_are_cut_into_words(text, words):
    assert split_words(text) == words
