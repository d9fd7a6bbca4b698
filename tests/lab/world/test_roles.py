"""Role facts: exchanging the two people tells another fact in nearly the same words, and nothing else changes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.world import LANGUAGES, World
from lab.world.facts import Facts, mentions, pairs, relations, role_relations

ROLES = tuple(role_relations())


def sentences(tag, numbers, wording=0.25):
    world = World.load((tag,), relations=ROLES, paraphrases=True)
    return world.verbalisers[tag].texts([numbers], np.full((len(numbers), 1), wording))


def test_role_facts_are_told_only_when_asked_for():
    assert not set(ROLES) & set(Facts.load().relations)
    assert set(relations()) == {*Facts.load().relations, *ROLES}
    assert all(kind in pairs() for kind in {kinds[0] for kinds in role_relations().values()})


def test_a_pair_is_every_two_different_people_in_both_orders():
    facts = Facts.load(names=ROLES)
    people = {tuple(pair) for pair in facts.fillers["people"].tolist()}
    assert people == {(i, j) for i in range(16) for j in range(16) if i != j}
    assert facts.total == 240 * (12 + 9 + 12 + 12)


def test_a_template_speaks_of_both_people_by_their_roles():
    spoken = mentions(["people", "object"])
    assert (spoken["person"].member, spoken["other"].member) == (0, 1)
    assert spoken["person"].type == spoken["other"].type == "person"
    assert spoken["object"].slot == 1


@given(st.integers(0, Facts.load(names=ROLES).total - 1))
def test_exchanging_twice_changes_nothing_and_once_only_the_order_of_the_two(number):
    facts = Facts.load(names=ROLES)
    twin = facts.exchanged(np.array([number]))
    assert twin[0] != number == facts.exchanged(twin)[0]
    (relation, before), (other_relation, after) = facts.unpack(np.array([number])), facts.unpack(twin)
    assert relation == other_relation
    assert (before[0, 1:] == after[0, 1:]).all()
    pair, twin_pair = (facts.fillers["people"][fillers[0, 0]] for fillers in (before, after))
    assert pair.tolist() == twin_pair[::-1].tolist()


def test_facts_without_a_pair_stay_as_they_are():
    facts = Facts.load(names=("sleep", "negation"))
    numbers = np.arange(facts.total)
    twins = facts.exchanged(numbers)
    assert (twins[: facts.counts[0]] == numbers[: facts.counts[0]]).all()
    assert (twins[facts.counts[0] :] != numbers[facts.counts[0] :]).all()


def test_in_two_facts_the_pairs_of_both_are_exchanged():
    world = World.load(("en",), relations=ROLES, facts=2)
    meanings = world.draw(200, 0)
    twins = world.exchanged(meanings)
    for part, twin_part in zip(np.divmod(meanings, 10_800), np.divmod(twins, 10_800), strict=True):
        assert (world.facts.exchanged(part) == twin_part).all()


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_is_exchanged_reads_differently_in_every_wording(tag):
    facts = Facts.load(names=ROLES)
    numbers = np.arange(facts.total)
    for wording in (0.25, 0.75):
        assert (sentences(tag, numbers, wording) != sentences(tag, facts.exchanged(numbers), wording)).all()


@pytest.mark.parametrize("tag", ["en", "sw", "zh", "th"])
def test_without_case_and_agreement_the_exchanged_fact_has_the_same_bag_of_words(tag):
    facts = Facts.load(names=ROLES)
    numbers = np.random.default_rng(0).choice(facts.total, 300, replace=False)
    for sentence, twin_sentence in zip(
        sentences(tag, numbers), sentences(tag, facts.exchanged(numbers)), strict=True
    ):
        assert bag(sentence) == bag(twin_sentence)


def bag(text):
    """Words and marks; characters where words are written together."""
    marked = text.replace(",", " ,").replace(".", " .")
    return Counter(marked.split() if text.isascii() else text)


def test_the_other_wording_turns_the_two_round():
    facts = Facts.load(names=ROLES)
    numbers = np.random.default_rng(0).choice(facts.total, 300, replace=False)
    names = facts.fillers["people"][facts.unpack(numbers)[1][:, 0]]
    nouns = World.load(("en",)).verbalisers["en"].fillers["person"]
    for wording, order in ((0.25, 1), (0.75, -1)):
        for text, pair in zip(sentences("en", numbers, wording), names, strict=True):
            giver, receiver = (text.index(nouns[i][0].capitalize()) for i in pair[::order])
            assert giver < receiver


def test_a_pair_weighs_as_the_product_of_its_two_people():
    world = World.load(("en",), relations=("comparison",), distribution="zipf", zipf_exponent=1.5)
    weight = np.arange(1.0, 17) ** -1.5
    wanted = {(i, j): weight[i] * weight[j] for i in range(16) for j in range(16) if i != j}
    total = sum(wanted.values())
    p = world.distribution.slots[0][0]
    for pair, probability in zip(world.facts.fillers["people"].tolist(), p, strict=True):
        assert probability == pytest.approx(wanted[tuple(pair)] / total, rel=1e-12)


def test_merged_people_merge_the_pairs_that_they_are_in():
    world = World.load(("en",), relations=("negation",), ambiguity=0.5)
    people, pair = (world.verbalisers["en"].merged[kind] for kind in ("person", "people"))
    spoken = people[world.facts.fillers["people"]]
    for i in range(len(pair)):
        assert pair[i] == min(j for j in range(len(pair)) if (spoken[j] == spoken[i]).all())
    texts = [text for _, _, text in world.rows(np.arange(world.num_meanings))]
    assert len(set(texts)) == len(np.unique(pair)) * len(np.unique(world.verbalisers["en"].merged["city"]))


def test_who_is_which_is_one_bit_of_the_meaning():
    world = World.load(("en", "zh"), relations=ROLES)
    facts = world.facts
    unordered = np.minimum(np.arange(facts.total), facts.exchanged(np.arange(facts.total)))
    assert world.information_nats == pytest.approx(np.log(len(np.unique(unordered))) + np.log(2), abs=1e-9)
