"""Lesson 04: ceilings, key encoders that follow, and the checks of its exercises."""

import math

import numpy as np
import pytest
import torch

from core.information.bounds import infonce
from lab.lessons.xlco import (
    ceilings,
    check_candidates,
    check_momentum,
    check_staleness,
    check_temperature,
    followed,
)


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0])
def test_a_simplex_of_aligned_translations_reaches_the_ceiling_of_a_batch(temperature):
    count = 12
    corners = np.eye(count) - 1 / count
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    reached = float(infonce(torch.from_numpy(corners @ corners.T / temperature)))
    row = ceilings(count, [temperature]).loc[temperature]
    assert reached == pytest.approx(row["batch"], abs=1e-12)
    assert row["batch"] <= row["one"] <= row["scores"] == math.log(count)


def test_random_aligned_vectors_stay_below_the_ceiling_of_a_batch():
    vectors = torch.nn.functional.normalize(torch.randn(20, 12, 5, generator=torch.manual_seed(0)), dim=-1)
    reached = max(float(infonce(each @ each.T / 0.5)) for each in vectors)
    assert reached < ceilings(12, [0.5]).loc[0.5, "batch"]


def test_a_key_encoder_in_float32_goes_as_far_as_its_momentum_says_and_one_in_float16_stalls():
    table = followed(updates=300).set_index("momentum")
    assert np.allclose(table["float32"], table["expected"], atol=1e-3)
    assert table.loc[0.9999, "float16"] < 0.1 * table.loc[0.9999, "expected"]


@pytest.mark.parametrize(
    ("check", "answer", "mistake", "told"),
    [
        (check_candidates, 22_027, 1_024, "bits"),
        (check_temperature, 0.339, 0.169, "begin at -1"),
        (check_momentum, 23_025, 10_000, "time constant"),
        (check_staleness, 64, 131_072, "number of keys"),
    ],
)
def test_checks_tell_right_from_wrong_and_name_the_mistake(check, answer, mistake, told):
    assert check(answer).passed
    assert check(mistake).startswith("wrong")
    assert told in check(mistake)
    assert check(answer * 3).startswith("wrong")
    assert check(...).startswith("not yet")
    assert check("many").startswith("wrong")
