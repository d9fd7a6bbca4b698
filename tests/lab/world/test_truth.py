"""The truth of MMLM and TLM agrees with listing every sentence that could have been written."""

from itertools import product
from math import prod

import numpy as np
import pytest

from core.text.tokenizer import train_tokenizer
from lab.world import World
from lab.world.distribution import entropy
from lab.world.frequency import token_frequencies
from lab.world.ideal import IdealReader
from lab.world.pattern import Pattern, Vocabulary
from lab.world.truth import mask, pair_truths, ratio, sample, side_shares, truth

THREE = ("en", "ru", "zh")
ROLES = ("transfer", "comparison", "negation", "coreference")
ONE = {("en",): 0.5, ("ru",): 0.3, ("zh",): 0.2}
EN_FR = {("en", "fr"): 0.5, ("fr", "en"): 0.5}
TWO = {("en", "ru"): 0.5, ("zh", "en"): 0.3, ("ru", "zh"): 0.2}


def _tokenizer(world, vocabulary):
    """Trained on every word of a world, be it small or full."""
    roles = set(world.facts.relations) <= set(ROLES)
    source = World.load(
        world.languages,
        size=world.settings["size"],
        relations=world.facts.relations if roles else None,
        paraphrases=True,
    )
    return train_tokenizer(
        [text for _, _, text in source.rows(source.draw(min(600, source.num_meanings), 0))], vocabulary
    )


def _sentences(world, tokenizer):
    """Every sentence of every language as (meaning, P(wording | meaning), ids)."""
    meanings, counts = np.arange(world.num_meanings), {}
    facts = list(np.divmod(meanings, world.facts.total)) if world.num_facts == 2 else [meanings]
    for tag, verbaliser in world.verbalisers.items():
        (ways,) = {len(templates) for templates in verbaliser.templates}
        counts[tag] = []
        for choice in product(np.arange(ways) + 0.5, repeat=world.num_facts):
            texts = verbaliser.texts(facts, np.tile(np.array(choice) / ways, (len(meanings), 1)))
            counts[tag] += zip(meanings.tolist(), tokenizer.encode(list(texts)), strict=True)
        share = ways**-world.num_facts
        counts[tag] = [(meaning, share, ids) for meaning, ids in counts[tag]]
    return counts


def _listed_posteriors(reader, sentences, sides, shares):
    """P(token | visible) at every masked position by adding up all ways to have written what is visible."""
    mask_id, noise = reader.tokenizer.mask_id, reader.world.settings["noise"]

    def fits(ids, side):
        return len(ids) == len(side) and all(b in (a, mask_id) for a, b in zip(ids, side, strict=True))

    fitting = [
        {tag: [s for s in rows if fits(s[2], side)] for tag, rows in sentences.items()} for side in sides
    ]
    mass = {}
    for tags, share in shares.items():
        for ways in product(*(fitting[i][tag] for i, tag in enumerate(tags))):
            p = [reader.probability(meaning) for meaning, *_ in ways]
            right = p[0] if ways[0][0] == ways[-1][0] else 0.0
            weight = p[0] if len(ways) == 1 else (1 - noise) * right + noise * p[0] * p[1]
            weight *= share * prod(way[1] for way in ways)
            for i, side in enumerate(sides):
                for position in np.flatnonzero(side == mask_id):
                    token_mass = mass.setdefault((i, int(position)), {})
                    token = int(ways[i][2][position])
                    token_mass[token] = token_mass.get(token, 0.0) + weight
    return {
        spot: {token: w / sum(token_mass.values()) for token, w in token_mass.items() if w}
        for spot, token_mass in mass.items()
    }


@pytest.mark.parametrize("shares", [ONE, TWO], ids=["mmlm", "tlm"])
@pytest.mark.parametrize(
    "dials",
    [
        {},
        {"paraphrases": True, "distribution": "zipf"},
        {"noise": 0.2, "ambiguity": 0.7},
    ],
    ids=["plain", "paraphrases", "dials"],
)
@pytest.mark.parametrize("vocabulary", [330, 500])  # words in pieces; most words whole
@pytest.mark.parametrize("relations", [("buy", "work"), ROLES], ids=["facts", "role facts"])
def test_posteriors_are_those_of_listing_every_sentence(shares, dials, vocabulary, relations):
    world = World.load(THREE, size="small", relations=relations, **dials)
    tokenizer = _tokenizer(world, vocabulary if relations != ROLES else vocabulary * 3 // 5)
    reader, sentences = IdealReader(world, tokenizer), _sentences(world, tokenizer)
    for _, sides in sample(reader, shares, 25, 0.25, np.random.default_rng(1)):
        wanted = _listed_posteriors(reader, sentences, sides, shares)
        for i, (side, posteriors) in enumerate(zip(sides, reader.posteriors(sides, shares), strict=True)):
            for position, posterior in zip(
                np.flatnonzero(side == tokenizer.mask_id), posteriors, strict=True
            ):
                assert posterior == pytest.approx(wanted[i, position], abs=1e-9)


@pytest.mark.parametrize("tag", ["en", "th"])
def test_posteriors_are_exact_for_two_facts(tag):
    world = World.load((tag,), size="small", relations=("own",), facts=2)
    tokenizer = _tokenizer(world, 300)
    reader, sentences = IdealReader(world, tokenizer), _sentences(world, tokenizer)
    for _, sides in sample(reader, {(tag,): 1.0}, 3, 0.15, np.random.default_rng(2)):
        wanted = _listed_posteriors(reader, sentences, sides, {(tag,): 1.0})
        for position, posterior in zip(
            np.flatnonzero(sides[0] == tokenizer.mask_id),
            reader.posteriors(sides, {(tag,): 1.0})[0],
            strict=True,
        ):
            assert posterior == pytest.approx(wanted[0, position], abs=1e-9)


def test_characters_that_the_tokenizer_has_never_seen_are_no_obstacle():
    world = World.load(("en", "zh"), size="small", relations=("buy",))
    tokenizer = _tokenizer(World.load(("en",)), 150)
    reader, sentences = IdealReader(world, tokenizer), _sentences(world, tokenizer)
    shares = {("en",): 0.5, ("zh",): 0.5}
    for _, sides in sample(reader, shares, 30, 0.3, np.random.default_rng(0)):
        wanted = _listed_posteriors(reader, sentences, sides, shares)
        for position, posterior in zip(
            np.flatnonzero(sides[0] == tokenizer.mask_id), reader.posteriors(sides, shares)[0], strict=True
        ):
            assert posterior == pytest.approx(wanted[0, position], abs=1e-9)


def test_the_mean_over_all_masks_is_met_by_sampling_within_its_error():
    world = World.load(("en", "ru"), size="small", relations=("own",))
    tokenizer = _tokenizer(world, 400)
    reader, sentences = IdealReader(world, tokenizer), _sentences(world, tokenizer)
    shares = {("en",): 0.5, ("ru",): 0.5}
    total = count = 0.0
    rate = (
        0.05  # hides at most one of up to twenty tokens, with probability rate * L: every mask can be listed
    )
    for rows in sentences.values():
        for meaning, share, ids in rows:
            assert len(ids) - 2 <= 20
            for position in range(1, len(ids) - 1):
                hidden = ids.copy()
                hidden[position] = tokenizer.mask_id
                posterior = reader.posteriors([hidden], shares)[0][0]
                weight = 0.5 * reader.probability(meaning) * share
                total += weight * entropy(np.array(list(posterior.values())))
                count += weight
    exact = truth(reader, shares, sentences=800, rate=rate)
    assert abs(exact.cross_entropy_nats - total / count) < 5 * exact.cross_entropy_error


def test_truths_of_a_pair_are_of_the_same_masked_tokens_with_and_without_the_other_side():
    world = World.load(THREE, size="small", relations=("buy", "work"), noise=0.2, ambiguity=0.7)
    tokenizer = _tokenizer(world, 330)
    reader, sentences = IdealReader(world, tokenizer), _sentences(world, tokenizer)
    alone, both, tokens = 0.0, 0.0, 0
    for _, hidden in sample(reader, TWO, 20, 0.25, np.random.default_rng(3)):
        for posterior in _listed_posteriors(reader, sentences, hidden, TWO).values():
            both += entropy(np.array(list(posterior.values())))
        for side in hidden:
            for posterior in _listed_posteriors(reader, sentences, [side], side_shares(TWO)).values():
                alone += entropy(np.array(list(posterior.values())))
                tokens += 1
    mmlm, tlm, added = pair_truths(reader, TWO, 20, 0.25, 3)
    assert (mmlm.tokens, tlm.tokens, added.tokens) == (tokens, tokens, tokens)
    assert mmlm.cross_entropy_nats == pytest.approx(alone / tokens, abs=1e-9)
    assert tlm.cross_entropy_nats == pytest.approx(both / tokens, abs=1e-9)
    assert added.information_nats == pytest.approx((alone - both) / tokens, abs=1e-9)
    assert mmlm.token_entropy_nats == tlm.token_entropy_nats
    assert tlm == truth(reader, TWO, 20, 0.25, 3)


@pytest.mark.parametrize("dials", [{}, {"paraphrases": True, "distribution": "zipf", "ambiguity": 0.5}])
@pytest.mark.parametrize("relations", [("give", "see"), ROLES], ids=["facts", "role facts"])
def test_token_frequencies_are_exact(dials, relations):
    world = World.load(("en", "ar", "zh"), size="small", relations=relations, **dials)
    tokenizer = _tokenizer(world, 400)
    frequencies = token_frequencies(world, tokenizer)
    reader = IdealReader(world, tokenizer)
    for tag, rows in _sentences(world, tokenizer).items():
        counts = np.zeros(tokenizer.size)
        for meaning, share, ids in rows:
            np.add.at(counts, ids[1:-1], share * reader.probability(meaning))
        assert frequencies.counts[tag] == pytest.approx(counts, abs=1e-9)
        assert frequencies.samples[tag] == []
    nats, error = frequencies.entropy({"en": 0.2, "ar": 0.3, "zh": 0.5})
    mixed = sum(s * frequencies.counts[tag] for tag, s in (("en", 0.2), ("ar", 0.3), ("zh", 0.5)))
    assert nats == pytest.approx(entropy(mixed / mixed.sum()), abs=1e-9)
    assert error == 0


def test_sampled_token_frequencies_agree_with_the_corpus_within_their_error():
    world = World.load(("en", "zh"))
    tokenizer = _tokenizer(world, 600)
    nats, error = token_frequencies(world, tokenizer).entropy({"en": 0.5, "zh": 0.5})
    assert 0 < error < 0.01
    counts = np.zeros(tokenizer.size)
    for ids in tokenizer.encode([text for _, _, text in world.rows(world.draw(10_000, 0))]):
        np.add.at(counts, ids[1:-1], 1)
    # the plug-in entropy of the corpus has an error of the same kind: 20,000 sentences, about 0.005
    assert abs(entropy(counts / counts.sum()) - nats) < 5 * error + 0.02


@pytest.mark.parametrize("pair", [False, True], ids=["mmlm", "tlm"])
def test_in_the_full_world_the_truth_is_what_the_ideal_reader_pays_for_the_true_tokens(pair):
    world = World.load(("en", "ru", "zh"), noise=0.3, ambiguity=0.1, paraphrases=True)
    tokenizer = _tokenizer(world, 900)
    reader = IdealReader(world, tokenizer)
    shares = {(a, b): 1 / 6 for a in world.languages for b in world.languages if a != b}
    shares = shares if pair else {(tag,): 1 / 3 for tag in world.languages}
    surprise = []
    for whole, hidden in sample(reader, shares, 60, 0.15, np.random.default_rng(4)):
        gain = 0.0
        for ids, side, posteriors in zip(whole, hidden, reader.posteriors(hidden, shares), strict=True):
            tokens = ids[side == tokenizer.mask_id]
            for token, posterior in zip(tokens, posteriors, strict=True):
                gain += -np.log(posterior[int(token)]) - entropy(np.array(list(posterior.values())))
        surprise.append(gain)
    # the expected log loss of a true posterior is its entropy
    assert abs(np.mean(surprise)) < 5 * np.std(surprise) / np.sqrt(len(surprise))


def test_a_translation_tells_all_but_its_own_gaps():
    world = World.load(("en", "fr"), size="small")
    tokenizer = _tokenizer(world, 500)
    mmlm, tlm, _ = pair_truths(IdealReader(world, tokenizer), EN_FR, 150)
    assert tlm.information_nats > mmlm.information_nats > 0
    assert tlm.token_entropy_nats == pytest.approx(mmlm.token_entropy_nats)
    silent = World.load(("en", "fr"), size="small", noise=1.0)
    alone, beside, _ = pair_truths(IdealReader(silent, tokenizer), EN_FR, 150)
    assert beside.cross_entropy_nats == pytest.approx(alone.cross_entropy_nats, rel=0.02)


def test_a_mask_hides_the_share_of_tokens_that_it_says():
    rng = np.random.default_rng(0)
    sides = [np.array([0, *range(10, 17), 2]), np.array([0, *range(20, 25), 2])]
    hidden = [[int((ids == 99).sum()) for ids in mask(sides, 99, 0.15, rng)] for _ in range(4000)]
    totals = np.array(hidden).sum(1)
    assert set(totals) == {1, 2}  # 0.15 * 12 = 1.8
    assert totals.mean() == pytest.approx(1.8, abs=0.04)
    assert np.array(hidden).sum(0)[0] / totals.sum() == pytest.approx(7 / 12, abs=0.03)


def test_the_error_of_a_ratio_is_its_spread_over_samples():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 4, (2000, 100))
    sums = counts * rng.random((2000, 100))
    ratios = np.array([ratio(s, c) for s, c in zip(sums, counts, strict=True)])
    assert ratios[:, 1].mean() == pytest.approx(ratios[:, 0].std(), rel=0.1)


def test_a_pattern_fits_texts_whose_gaps_the_vocabulary_can_spell():
    pattern = Pattern(("a", "d"), (2,), Vocabulary(["b", "bc", "c"]))

    def whole(text):
        states = pattern.start
        for letter in text:
            states = pattern.step(states, letter)
        return pattern.complete(states)

    assert all(map(whole, ["abcd", "abbd", "abcbd", "abcbcd"]))
    assert not any(map(whole, ["abd", "ad", "abcbcbd", "axxd", "abc", "abcde"]))
