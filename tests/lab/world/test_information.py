"""Entropy and mutual information of a world agree with brute force over all pairs of sentences."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.world import World

TINY = ("sleep", "cost")
ROLES = ("transfer", "comparison", "negation", "coreference")
dials = {
    "distribution": st.sampled_from(["uniform", "zipf"]),
    "zipf_exponent": st.floats(0, 3),
    "noise": st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-6, 0.999)),
    "ambiguity": st.floats(0, 1),
}


def _joint(world, source, target):
    """P(sentence, translation) by adding up all meanings, mistranslated or not."""
    p = np.concatenate([world.distribution.probabilities(row) for row in range(len(world.facts.relations))])
    if world.num_facts == 2:
        p = np.outer(p, p).ravel()
    texts = [[world.sentence(m, tag) for m in range(len(p))] for tag in (source, target)]
    index = [{text: i for i, text in enumerate(dict.fromkeys(column))} for column in texts]
    rows, columns = ([index[side][text] for text in texts[side]] for side in (0, 1))
    table = np.zeros((len(index[0]), len(index[1])))
    np.add.at(table, (rows, columns), p)
    noise = world.settings["noise"]
    return (1 - noise) * table + noise * np.outer(table.sum(1), table.sum(0))


def _information(table):
    product = np.outer(table.sum(1), table.sum(0))
    positive = table > 0
    return float((table[positive] * np.log(table[positive] / product[positive])).sum())


@settings(deadline=None, max_examples=40)
@given(relations=st.sampled_from([TINY, ROLES, ("negation", "sleep")]), **dials)
def test_information_is_what_adding_up_all_pairs_gives(**dials):
    world = World.load(("en", "ru"), size="small", **dials)
    wanted = _information(_joint(world, "en", "ru"))
    assert world.information_nats == pytest.approx(wanted, abs=1e-9)
    assert world.information_between("ru", "en") == pytest.approx(wanted, abs=1e-9)


@settings(deadline=None, max_examples=8)
@given(relations=st.sampled_from([("sleep",), ROLES]), **dials)
def test_two_facts_carry_what_adding_up_all_pairs_gives(**dials):
    world = World.load(("en", "ru"), size="small", facts=2, **dials)
    keep = _two_facts_by_factors(world)
    assert world.information_nats == pytest.approx(keep, abs=1e-9)


def _two_facts_by_factors(world):
    """Listed pair by pair where both sentences can tell one meaning; elsewhere every ratio is the noise itself."""
    noise = world.settings["noise"]
    single = _joint(World.load(**world.settings | {"facts": 1, "noise": 0.0}), "en", "ru")
    x, y = np.nonzero(single)
    joint = np.outer(single[x, y], single[x, y])
    product = np.outer(single.sum(1)[x] * single.sum(0)[y], single.sum(1)[x] * single.sum(0)[y])
    table = (1 - noise) * joint + noise * product
    listed = (table * np.log(table / product)).sum()
    return float(listed + (noise * np.log(noise) * (1 - product.sum()) if noise else 0.0))


@given(st.floats(0, 4), st.sampled_from([None, ROLES]))
def test_entropy_is_that_of_the_listed_probabilities(exponent, relations):
    world = World.load(
        ("en",), distribution="zipf", zipf_exponent=exponent, size="small", relations=relations
    )
    p = np.concatenate([world.distribution.probabilities(row) for row in range(len(world.facts.relations))])
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert world.entropy_nats == pytest.approx(-(p * np.log(p)).sum(), abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_noise_and_ambiguity_never_add_information(noise, ambiguity):
    world = World.load(("en", "zh"), size="small", noise=noise, ambiguity=ambiguity)
    assert -1e-9 <= world.information_nats <= world.entropy_nats + 1e-9


def test_full_noise_leaves_nothing_and_no_noise_everything():
    assert World.load(("en", "zh"), noise=1.0).information_nats == 0
    assert World.load(("en", "zh"), noise=1e-12).information_nats == pytest.approx(
        World.load(("en", "zh")).information_nats, abs=1e-9
    )


@pytest.mark.parametrize("relations", [None, ROLES], ids=["facts", "role facts"])
def test_information_of_the_full_world_is_the_mean_log_ratio_of_drawn_pairs(relations):
    world = World.load(("en", "tr"), noise=0.3, ambiguity=0.4, distribution="zipf", relations=relations)
    meanings = world.draw(20_000, 0, without_replacement=False)
    meanings_by_tag = {tag: world.meanings_told(meanings, tag, 1) for tag in ("en", "tr")}
    ratios = _log_ratios(world, meanings_by_tag["en"], meanings_by_tag["tr"])
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - world.information_nats) < 5 * error


def _log_ratios(world, source, target):
    """log Q(x, y) / (P(x) P(y)) of told meanings, by multiplying up the slots."""
    facts, noise = world.facts, world.settings["noise"]
    values = []
    for m, n in zip(source, target, strict=True):
        (r, s), fillers = facts.unpack(np.array([m, n]))
        p = world.distribution.relation
        joint, product = (p[r] if r == s else 0.0), p[r] * p[s]
        for slot, kind in enumerate(facts.slots[r]):
            weights = world.distribution.slots[r][slot]
            en = world.verbalisers["en"].merged[kind]
            x = en == en[fillers[0, slot]]
            product *= weights[x].sum()
            if r == s:
                tr = world.verbalisers["tr"].merged[kind]
                joint *= weights[x & (tr == tr[fillers[1, slot]])].sum()
        for slot, kind in enumerate(facts.slots[s]):
            tr = world.verbalisers["tr"].merged[kind]
            product *= world.distribution.slots[s][slot][tr == tr[fillers[1, slot]]].sum()
        values.append(np.log((1 - noise) * joint / product + noise))
    return np.array(values)


def test_a_merged_word_makes_two_facts_sound_alike():
    world = World.load(("en",), ambiguity=1.0, relations=["sleep"])
    counts = Counter(text for _, _, text in world.rows(np.arange(world.num_meanings)))
    # lists of 9, 7, 12, 8 and 7 entities leave 5, 4, 6, 4 and 4 words
    assert len(counts) == 5 * 4 * 6 * 4 * 4
