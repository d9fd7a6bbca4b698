"""Lesson 04: ceilings, key encoders that follow, and the checks of its exercises."""

import math

import numpy as np
import pytest
import torch

from core.information.bounds import infonce
from lab.evaluate.key_encoder import followed
from lab.evaluate.negatives import (
    attainable_by_noise,
    ceilings,
    laws_of_negatives,
    left_out_shows,
    perfect_scores,
)
from lab.lessons import check
from lab.lessons.xlco import age_of_the_oldest_key, highest_temperature, left_out, updates_to_follow


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


def test_independent_negatives_bound_the_information_and_left_out_ones_exceed_it():
    scores, positive, same = perfect_scores(meanings=3, candidates=8, queries=20_000)
    bound = infonce(scores, positive)
    # 0 to 7 of the 7 others share one of three meanings: log 8 less the mean log of all that do, the translation too
    law = [math.comb(7, b) * (1 / 3) ** b * (2 / 3) ** (7 - b) for b in range(8)]
    assert float(bound) == pytest.approx(
        math.log(8) - sum(p * math.log1p(b) for b, p in enumerate(law)), abs=0.02
    )
    assert float(bound) < math.log(3)
    left_out = infonce(scores, positive, excluded=same)
    assert left_out.kind == "estimate"
    assert float(left_out) == pytest.approx(left_out_shows(3, 8), abs=0.02)
    assert float(left_out) > math.log(3)


def test_a_ceiling_above_the_truth_is_not_enough_to_show_it():
    row = attainable_by_noise(noise=(0.8,), candidates=(1_024,)).iloc[0]
    assert row["truth"] < math.log(1_024) / 3
    assert row["1,024"] == pytest.approx(1.381, abs=2e-3)
    assert row["1,024"] < 0.61 * row["truth"]


def test_a_mark_of_the_translation_shows_all_of_the_ceiling_whatever_the_meanings_tell():
    table = laws_of_negatives(meanings=2, candidates=16)
    assert table["shows"].tolist() == pytest.approx([0.661, 2.112, math.log(16), 0.0], abs=0.01)
    assert table["what it is"].tolist()[1:3] == ["no bound", "no bound"]


def test_a_key_encoder_in_float32_goes_as_far_as_its_momentum_says_and_one_in_float16_stalls():
    table = followed(updates=300).set_index("momentum")
    assert np.allclose(table["float32"], table["expected"], atol=1e-3)
    assert table.loc[0.9999, "float16"] < 0.1 * table.loc[0.9999, "expected"]


@pytest.mark.parametrize(
    ("exercise", "answer", "mistake", "message"),
    [
        (left_out, 2.112, 2.141, "mean of their logs"),
        (highest_temperature, 0.339, 0.169, "begin at -1"),
        (updates_to_follow, 23_025, 10_000, "time constant"),
        (age_of_the_oldest_key, 64, 131_072, "number of keys"),
    ],
)
def test_checks_tell_right_from_wrong_and_name_the_mistake(exercise, answer, mistake, message):
    assert check(answer, exercise()).passed
    assert check(mistake, exercise()).startswith("wrong")
    assert message in check(mistake, exercise())
    assert check(answer * 3, exercise()).startswith("wrong")
