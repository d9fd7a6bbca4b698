"""Settings that could not mean what they say are refused where they are made."""

import pytest
from pydantic import ValidationError

from core.config import STORED, ModelSettings, Settings
from core.errors import InputError

SMALL = ModelSettings(layers=6)
TINY_CONTRAST = {"layer": 2}

REFUSED = {
    "a warm-up that outlasts the run": (
        {"steps": 1_000, "optimizer": {"warmup": 1_001}},
        r"optimizer\.warmup is 1,001 of 1,000 steps.*set --optimizer\.warmup 100",
    ),
    "a layer for retrieval that the model does not have": (
        {"model": SMALL, "contrast": TINY_CONTRAST, "measure": {"layer": 7}},
        r"measure\.layer is 7, but the model has 6 layers: choose from 0 to 6",
    ),
    "a layer for the contrast that the model does not have": (
        {"model": SMALL, "contrast": {"layer": 7}},
        r"contrast\.layer is 7, but the model has 6 layers",
    ),
    "a task that is on and weighs nothing": ({"mmlm": {"weight": 0}}, "greater than 0"),
    "a contrast without negatives": ({"contrast": {"queue": 0}}, "contrast has no negatives"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_settings_that_cannot_be_meant_are_refused_with_the_remedy(mistake):
    changes, message = REFUSED[mistake]
    with pytest.raises(ValidationError, match=message):
        Settings(**changes)


def test_a_warm_up_may_take_the_whole_run():
    assert Settings(steps=1_000, optimizer={"warmup": 1_000}).steps == 1_000


def test_a_run_that_has_begun_with_what_is_refused_today_is_still_read():
    raw = {"steps": 20, "optimizer": {"warmup": 100}, "model": {"layers": 2, "heads": 12}, "contrast": {"layer": 1},
           "measure": {"layer": 99}}  # fmt: skip
    settings = Settings.model_validate(raw, context=STORED)
    assert settings.optimizer.warmup == 100
    with pytest.raises(InputError, match=r"measure\.layer is 99, but the model has 2 layers"):
        settings.evaluation_layer_of(2)


@pytest.mark.parametrize(
    ("changes", "layers", "layer"),
    [
        ({"model": SMALL, "contrast": TINY_CONTRAST}, 6, 2),
        ({"model": SMALL, "contrast": TINY_CONTRAST, "measure": {"layer": 6}}, 6, 6),
        ({"model": SMALL, "contrast": {"enabled": False}}, 6, 4),
        # the shape of the checkpoint that a run starts from counts, not the default of the settings
        ({"model": {"start": "folder"}, "contrast": {"enabled": False}}, 24, 16),
        ({"model": {"start": "folder"}, "contrast": {"layer": 12}, "measure": {"layer": 20}}, 24, 20),
    ],
)
def test_retrieval_reads_the_layer_named_or_that_of_the_contrast_or_two_thirds_up(changes, layers, layer):
    assert Settings(**changes).evaluation_layer_of(layers) == layer
