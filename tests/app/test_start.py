"""What the dials of the Live page say is what the command line understands."""

import pytest

from app.start_form import flags_of
from lab.cli.train import parse
from lab.recipes import RECIPES, recipe


@pytest.mark.parametrize("name", RECIPES)
def test_untouched_dials_are_the_recipe_itself(name):
    settings = recipe(name)
    flags = flags_of(
        settings, ("mmlm", "tlm", "contrast"), "", settings.world.languages, settings.steps, settings.seed
    )
    assert flags == []


@pytest.mark.parametrize("off", ["mmlm", "tlm", "contrast"])
def test_a_task_that_is_switched_off_is_off_in_the_run(off):
    settings = recipe("toy")
    tasks = [task for task in ("mmlm", "tlm", "contrast") if task != off]
    parsed = parse(["toy", *flags_of(settings, tasks, "", settings.world.languages, 40, 7)]).settings
    assert [task for task in ("mmlm", "tlm", "contrast") if getattr(parsed, task).enabled] == tasks
    assert (parsed.steps, parsed.seed) == (40, 7)
    # a warm-up of 100 would outlast them
    assert parsed.optimizer.warmup == 4


@pytest.mark.parametrize(("languages", "pivot"), [(("en", "hi"), "en"), (("zh", "ar", "fr"), None)])
def test_languages_without_the_pivot_are_paired_with_one_another(languages, pivot):
    flags = flags_of(recipe("toy"), ("mmlm", "tlm", "contrast"), "", languages, 500, 1)
    parsed = parse(["toy", *flags]).settings
    assert set(parsed.world.languages) == set(languages)
    assert parsed.text.pivot == pivot


def test_a_corpus_folder_takes_the_place_of_the_languages_of_the_world(tmp_path):
    flags = flags_of(recipe("small"), ("contrast",), str(tmp_path), ("en",), 10, 1)
    command = parse(["small", *flags])
    assert command.corpus == tmp_path
    assert command.settings.world == recipe("small").world
