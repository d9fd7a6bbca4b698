"""What the studies ask: arms, references and metrics."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.task_settings import MaskedSettings
from lab.recipes import changed
from lab.study.definitions import STUDIES, study_named
from lab.study.grid import plan
from lab.study.metrics import all_metrics
from lab.study.scales import FIRST_SEED, SCALES, base_settings
from lab.world import World
from lab.world.facts import role_relations

KEYS = set(all_metrics())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_valid_settings_distinct_arms_and_a_reference_among_them(name, scale):
    study = STUDIES[name]
    base = base_settings(study, scale)
    arms = study.arms(base)
    settings = [changed(base, arm.changes) for arm in arms]
    assert len({each.model_dump_json() for each in settings}) == len(arms) >= 2
    assert len({arm.name for arm in arms}) == len({arm.label for arm in arms}) == len(arms)
    assert study.reference is None or study.reference in {arm.name for arm in arms}
    assert set(study.metrics) <= KEYS
    named = {name for contrast in study.contrasts for name in (contrast.arm, contrast.reference)}
    assert named <= {arm.name for arm in arms}
    assert {contrast.metric for contrast in study.contrasts} <= set(study.metrics)


def test_the_tasks_are_all_seven_combinations():
    arms = STUDIES["tasks"].arms(base_settings(STUDIES["tasks"], "toy"))
    assert [arm.label for arm in arms] == [
        "MMLM", "TLM", "XLCO", "MMLM + TLM", "MMLM + XLCO", "TLM + XLCO", "MMLM + TLM + XLCO",
    ]  # fmt: skip
    base = base_settings(STUDIES["tasks"], "toy")
    assert changed(base, arms[-1].changes) == base


def test_the_vocabularies_are_three_allocations_with_four_weightings_at_two_sizes():
    base = base_settings(STUDIES["vocabulary"], "toy")
    arms = [changed(base, arm.changes).tokenizer for arm in STUDIES["vocabulary"].arms(base)]
    assert {(arm.allocation, arm.vocabulary) for arm in arms} == {
        (allocation, size) for allocation in ("joint", "equal", "vocap") for size in (1_200, 2_400)
    }
    assert sorted(arm.beta for arm in arms if arm.allocation == "vocap") == sorted([0.0, 0.5, 0.7, 1.0] * 2)
    assert {arm.trained_as for arm in arms} == {"unigram"}


@pytest.mark.parametrize("scale", ["smoke", "toy", "small"])
def test_all_arms_of_the_tasks_that_mask_read_equally_many_sentences_in_a_step(scale):
    base = base_settings(STUDIES["tasks"], scale)
    arms = [changed(base, arm.changes) for arm in STUDIES["tasks"].arms(base)]
    masked = [
        arm.examples_of("mmlm") + 2 * arm.examples_of("tlm")
        for arm in arms
        if arm.mmlm.enabled or arm.tlm.enabled
    ]
    assert len(masked) == 6
    assert len(set(masked)) == 1


@pytest.mark.parametrize("name", ["layer", "temperature", "mixup", "candidates", "noise"])
def test_the_arm_that_is_the_recipe_itself_is_the_reference_where_none_is_named(name):
    study = STUDIES[name]
    base = base_settings(study, "toy")
    grid = plan(study, "toy", 1, None, None)
    arm = next(arm for arm in grid.arms if arm.name == grid.reference)
    assert changed(base, arm.changes) == base


def test_all_arms_read_retrieval_at_one_layer_but_where_the_layer_is_the_question():
    for name in STUDIES.keys() - {"layer"}:
        base = base_settings(STUDIES[name], "toy")
        layers = {changed(base, arm.changes).evaluation_layer for arm in STUDIES[name].arms(base)}
        assert layers == {base.contrast.layer}, name


def test_seeds_took_no_part_in_choosing_the_recipes():
    grid = plan(STUDIES["tasks"], "toy", 3, None, None)
    assert [cell.settings.seed for cell in grid.cells[::7]] == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    assert grid.cells[0].name == f"tasks-toy/mmlm-{FIRST_SEED}"


def test_other_steps_change_every_cell_and_nothing_else_but_how_often_it_is_looked_at():
    usual, short = (plan(STUDIES["layer"], "toy", 1, None, None, steps) for steps in (None, 120))
    assert {cell.settings.steps for cell in short.cells} == {120}
    assert {cell.settings.measure.snapshot_every for cell in short.cells} == {10}
    assert [cell.name for cell in short.cells] == [cell.name for cell in usual.cells]
    assert {cell.settings.optimizer for cell in short.cells} == {
        cell.settings.optimizer for cell in usual.cells
    }


def test_a_world_with_fewer_meanings_than_the_scale_draws_keeps_a_fifth_unseen_and_a_number_that_was_given_stays():
    few = {"relations": tuple(role_relations())}
    base = base_settings(STUDIES["layer"], "toy", world=few)
    plain = base_settings(STUDIES["layer"], "toy")
    total = World.load(base.world.languages, relations=base.world.relations).num_meanings
    assert total < plain.world.meanings
    assert base == changed(plain, {"world": {**few, "meanings": total - total // 5}})
    assert base_settings(STUDIES["layer"], "toy", world={**few, "meanings": 900}).world.meanings == 900
    assert base_settings(STUDIES["layer"], "toy", world={"paraphrases": True}).world.meanings == 12_000


def test_a_warm_up_that_would_outlast_the_steps_becomes_a_tenth_of_them():
    (warmup,) = {
        cell.settings.optimizer.warmup for cell in plan(STUDIES["tasks"], "toy", 1, None, None, 80).cells
    }
    assert warmup == 8


def test_the_momentum_study_freezes_the_key_encoder_and_rounds_it_to_float16():
    base = base_settings(STUDIES["momentum"], "toy")
    by_arm = {arm.name: changed(base, arm.changes).contrast for arm in STUDIES["momentum"].arms(base)}
    assert by_arm["frozen"].momentum == 1.0
    assert {by_arm["fp16-0.9999"].momentum_precision, by_arm["fp32-0.9999"].momentum_precision} == {
        "float16",
        "float32",
    }
    assert all(contrast.keys == "momentum" and contrast.queue > 0 for contrast in by_arm.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: study_named("task"), "did you mean tasks"),
        (lambda: plan(STUDIES["tasks"], "tiny", 1, None, None), "smoke, toy, small, got 'tiny'"),
        (lambda: plan(STUDIES["tasks"], "toy", 0, None, None), "--seeds from 1, got 0"),
        (lambda: plan(STUDIES["tasks"], "toy", 1, None, None, 0), "--steps from 1, got 0"),
        (lambda: plan(STUDIES["noise"], "toy", 1, Path("corpora/mine"), None), "leave --corpus out"),
        (lambda: plan(STUDIES["tasks"], "toy", 1, None, "../x"), "choose another"),
    ],
)
def test_a_study_that_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_inputs_are_masked_as_released_where_the_released_choice_is_compared():
    study = STUDIES["disagreements"]
    base = base_settings(study, "toy")
    released = MaskedSettings()
    for arm in study.arms(base):
        settings = changed(base, arm.changes)
        for masked in (settings.mmlm, settings.tlm):
            assert (masked.rate, masked.mask_share, masked.random_share) == (
                released.rate, released.mask_share, released.random_share,
            )  # fmt: skip
