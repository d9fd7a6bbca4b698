"""Who did what to whom: accuracies against counting by hand, bags at chance, and the command on a run."""

import json

import numpy as np
import pytest

from core.errors import InputError
from core.text.tokenizer import train_tokenizer
from lab.cli import run as lab
from lab.evaluate.bags import LanguageViews, LatentSemantics, token_overlap
from lab.evaluate.roles import Questions
from lab.world import World
from lab.world.facts import role_relations
from tests.lab.runs import FLAGS

ROLES = tuple(role_relations())
TAGS = ("en", "zh", "ru")


@pytest.fixture(scope="module")
def world() -> World:
    return World.load(TAGS, relations=(*ROLES, "sleep"), paraphrases=True)


@pytest.fixture(scope="module")
def questions(world) -> Questions:
    return Questions.of(world, world.draw(600, 0))


def test_a_question_is_a_role_fact_and_the_same_fact_with_its_people_exchanged(world, questions):
    assert set(questions.relations) <= set(ROLES)
    facts = len(questions.relations)
    for at, tag in enumerate(TAGS):
        part = questions.sentences.iloc[2 * at * facts : 2 * (at + 1) * facts]
        assert set(part["language"]) == {tag}
        meanings = part["meaning"].to_numpy()
        assert (world.exchanged(meanings[:facts]) == meanings[facts:]).all()
    spoken = {(meaning, tag): text for meaning, tag, text in questions.sentences.itertuples(index=False)}
    assert all(text != spoken[int(world.exchanged([m])[0]), tag] for (m, tag), text in spoken.items())


def test_a_fact_and_its_exchange_are_told_in_one_wording(questions):
    facts = len(questions.relations)
    english = questions.sentences["text"].iloc[: 2 * facts].tolist()
    for mark in (" received ", " younger ", " did not travel ", " after "):
        assert [mark in text for text in english[:facts]] == [mark in text for text in english[facts:]]


def test_accuracies_are_those_of_counting_one_by_one(questions):
    facts = len(questions.relations)
    vectors = np.random.default_rng(0).standard_normal((len(questions.sentences), 5))
    vectors[0] = vectors[facts]  # a fact that is told like its exchange is neither right nor wrong
    counted = []
    for source in range(3):
        for target in range(3):
            for fact in range(facts) if source != target else ():
                query, right, wrong = (
                    vectors[2 * at * facts + number * facts + fact]
                    for at, number in ((source, 0), (target, 0), (target, 1))
                )
                near = [
                    query @ each / np.linalg.norm(query) / np.linalg.norm(each) for each in (right, wrong)
                ]
                tied = target == 0 and fact == 0
                counted.append((source, target, fact, 0.5 if tied else float(near[0] > near[1])))
    rows = list(questions.rows(vectors))
    assert rows[0]["accuracy"] == pytest.approx(np.mean([score for *_, score in counted]), abs=1e-9)
    for row in rows[1:]:
        scores = [
            score
            for source, target, fact, score in counted
            if row["relation"] in (None, questions.relations[fact])
            and row["source"] in (None, TAGS[source])
            and row["target"] in (None, TAGS[target])
        ]
        assert row["accuracy"] == pytest.approx(np.mean(scores), abs=1e-9)
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert row["chance"] == 0.5
    assert len(rows) == 1 + 4 + 6


def test_vectors_that_know_the_meaning_are_always_right(questions):
    meanings, at = np.unique(questions.sentences["meaning"], return_inverse=True)
    vectors = np.random.default_rng(0).standard_normal((len(meanings), 64))[at]
    assert next(questions.rows(vectors))["accuracy"] == 1


def test_to_bags_of_words_both_are_equally_near_even_when_they_learn_from_translations():
    world = World.load(("en", "zh"), relations=ROLES)
    meanings = world.draw(2_000, 0)
    questions = Questions.of(world, meanings[:300])
    training = Questions.of(world, meanings[300:]).sentences.drop_duplicates(["meaning", "language"])
    tokenizer = train_tokenizer(training["text"].tolist(), 400)
    views = LanguageViews.of(training, tokenizer)
    bags = token_overlap(tokenizer, questions.sentences["text"].tolist())
    learned = LatentSemantics(views, 100).encode(tokenizer, questions.sentences)
    # the first wordings of English and Chinese say by order alone who is which
    for vectors in (bags, learned):
        scores = questions.answers(vectors)
        assert (scores[~np.isnan(scores)] == 0.5).all()
        assert next(questions.rows(vectors))["accuracy"] == 0.5


def test_a_world_without_role_facts_says_how_to_get_them():
    world = World.load(TAGS)
    with pytest.raises(InputError, match=r"--world\.relations transfer comparison"):
        Questions.of(world, world.draw(20, 0))


def test_the_command_reads_every_layer_and_every_baseline(capsys):
    relations = ["--world.relations", *ROLES]
    assert lab(["train", "toy", "--name", "r", "--steps", "8", *FLAGS, *relations]) == 0
    capsys.readouterr()
    assert lab(["evaluate", "r", "--task", "roles", "--dimensions", "20", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    vectors = list(dict.fromkeys(row["vectors"] for row in document["rows"]))
    assert vectors == ["layer 0", "layer 1", "random", "tokens", "characters", "lsa", "cca"]
    assert document["facts"] == 40
    assert lab(["evaluate", "r", "--task", "roles", "--dimensions", "20"]) == 0
    assert "guessing is right for 0.500" in capsys.readouterr().out
