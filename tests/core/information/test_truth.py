"""Distributions that claim to know their information are held against samples and against each other."""

import math

import numpy as np
import pytest

from core.errors import InputError
from core.information.estimators.gaussian import gaussian_information
from core.information.truth import TASKS, TWELVE, task
from core.information.truth.families import channel, embedding, gaussian, mixture, sparse, student
from core.information.truth.maps import half_cube, rotation, spiral, wiggly


@pytest.mark.parametrize("name", TASKS)
def test_a_task_goes_by_its_name_and_repeats_its_samples(name: str) -> None:
    known = task(name)
    assert known.name == name
    one, two = known.sample(4, seed=3), known.sample(4, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert known.nats > 0


def test_there_are_the_twelve_tasks_of_the_benchmark() -> None:
    assert len(TWELVE) == 12


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(InputError, match="task must be one of"):
        task("none")


def test_sparse_information_is_a_sum_over_its_pairs() -> None:
    rho = 4 / 5
    assert sparse(7, 3, 2.0).nats == pytest.approx(-1.5 * math.log(1 - rho**2))


def test_a_student_of_many_degrees_is_gaussian_and_independent() -> None:
    assert student(2, 2, 1e6).nats == pytest.approx(0, abs=1e-5)


def test_the_mixtures_quadrature_agrees_with_the_mean_log_ratio_of_samples() -> None:
    known, rho = mixture(0.9), 0.9
    x, y = (part[:, 0] for part in known.sample(200_000, seed=0))
    keep = 1 - rho**2
    cross = np.logaddexp(rho * x * y / keep, -rho * x * y / keep) - math.log(2)
    ratio = cross - rho**2 * (x**2 + y**2) / (2 * keep) - 0.5 * math.log(keep)
    assert known.nats == pytest.approx(ratio.mean(), abs=4 * ratio.std() / math.sqrt(len(x)))


def test_a_noiseless_channel_carries_the_entropy_of_its_symbols() -> None:
    assert channel(5, 0.0).nats == pytest.approx(math.log(5))


def test_embeddings_carry_exactly_what_they_claim() -> None:
    read = gaussian_information(*embedding(48, 3.0).sample(20_000, seed=1))
    # the log ratio's standard deviation is 2.2, over sqrt(20,000), plus the noise of 48 x 48 cells
    assert read == pytest.approx(3.0, abs=4 * math.hypot(2.2 / math.sqrt(20_000), 34 / 20_000))


def test_invertible_maps_keep_the_number_and_the_pairing() -> None:
    known = gaussian("pair", np.array([[1, 0.5], [0.5, 1]]), 1)
    seen = known.through("seen", half_cube, wiggly)
    assert seen.nats == known.nats
    x, _ = known.sample(100, seed=0)
    assert np.array_equal(half_cube(x), seen.sample(100, seed=0)[0])


def test_a_spiral_turns_without_changing_the_length() -> None:
    values = np.random.default_rng(0).standard_normal((50, 4))
    turned = spiral(values, 1, 2)
    assert np.allclose((turned**2).sum(axis=1), (values**2).sum(axis=1))
    assert not np.allclose(turned, values)


def test_a_rotation_keeps_every_angle() -> None:
    turn = rotation(6, seed=0)
    assert np.allclose(turn @ turn.T, np.eye(6))
