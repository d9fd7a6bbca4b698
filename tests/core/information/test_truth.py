"""Distributions that claim to know their information are held against samples and against each other."""

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from core.errors import InputError
from core.information.estimators.gaussian import gaussian_information
from core.information.truth import TASKS, TWELVE, task
from core.information.truth.curved import checkerboard, concentric, copies, gamma_exponential, sine
from core.information.truth.families import channel, embedding, gaussian, mixture, sparse, student, wishart
from core.information.truth.labels import table_information
from core.information.truth.maps import half_cube, rotation, spiral, wiggly
from core.information.truth.mixed import rounded


@pytest.mark.parametrize("name", TASKS)
def test_a_task_goes_by_its_name_and_repeats_its_samples(name: str) -> None:
    known = task(name)
    assert known.name == name
    samples, again = known.sample(4, seed=3), known.sample(4, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(samples, again, strict=True))
    assert known.nats >= 0


COUNTED = """
import sys

import core.information

truths = []
sys.setprofile(lambda frame, event, value: truths.append(value) if type(value).__name__ == "KnownInformation" else None)
from core.information.truth import TASKS, task

at_import = len(truths)
task("rounded-0.75-1")
sys.setprofile(None)
print(len(TASKS) > 100, at_import, len(truths) > at_import)
"""
"""Counts the truths that functions return while the package is imported, and then while one is asked for."""


def test_importing_the_package_computes_no_truth() -> None:
    counted = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert counted.stdout.split() == ["True", "0", "True"]


def test_the_finest_rounding_is_integrated_in_little_memory() -> None:
    tracemalloc.start()
    fine = rounded(0.75, 0.01)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
    # rounding by a hundredth of a standard deviation costs hardly anything of the unrounded information
    assert fine.nats == pytest.approx(-0.5 * math.log1p(-(0.75**2)), abs=1e-4)


@pytest.mark.parametrize(("correlation", "step"), [(0.75, 1.0), (0.75, 0.2), (0.95, 0.1)])
def test_a_roundings_midpoints_agree_with_exact_probabilities_of_its_cells(
    correlation: float, step: float
) -> None:
    edges = step * (np.arange(-np.ceil(5 / step), np.ceil(5 / step) + 1) + 0.5)
    corners = np.stack(np.meshgrid(edges, edges), axis=-1).reshape(-1, 2)
    below = stats.multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(corners)
    table = np.diff(np.diff(below.reshape(len(edges), -1), axis=0), axis=1).clip(0)
    assert rounded(correlation, step).nats == pytest.approx(table_information(table), abs=2e-4)


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


def mean_log_ratio(log_ratios: np.ndarray) -> tuple[float, float]:
    """Information as a mean over samples, and four of its standard errors."""
    return float(log_ratios.mean()), 4 * float(log_ratios.std()) / math.sqrt(len(log_ratios))


def test_a_sines_quadrature_agrees_with_the_mean_log_ratio_of_samples() -> None:
    x, y = (part[:, 0] for part in sine(0.3).sample(4_000, seed=0))
    grid = np.sin(2 * np.pi * (np.arange(2_000) + 0.5) / 2_000)
    given = -((y - np.sin(4 * np.pi * x)) ** 2) / (2 * 0.3**2)
    marginal = np.log(np.exp(-((y[:, None] - grid) ** 2) / (2 * 0.3**2)).mean(axis=1))
    mean, error = mean_log_ratio(given - marginal)
    assert sine(0.3).nats == pytest.approx(mean, abs=error)


def test_a_gamma_mixed_exponential_agrees_with_the_mean_log_ratio_of_samples() -> None:
    shape = 2.0
    x, y = (part[:, 0] for part in gamma_exponential(shape).sample(100_000, seed=0))
    # y alone is Lomax: shape (1 + y)^-(shape + 1)
    ratio = np.log(x) - x * y - math.log(shape) + (shape + 1) * np.log1p(y)
    mean, error = mean_log_ratio(ratio)
    assert gamma_exponential(shape).nats == pytest.approx(mean, abs=error)


def test_concentric_shells_agree_with_the_mean_log_ratio_of_samples() -> None:
    dims, classes = 5, 4
    x, y = concentric(dims, classes).sample(100_000, seed=0)
    squared = (x**2).sum(axis=1)[:, None]
    spread = np.arange(1, classes + 1)
    given = -squared / (2 * spread**2) - dims * np.log(spread)
    given_pair = given[np.arange(len(x)), y[:, 0].astype(int)]
    mean, error = mean_log_ratio(given_pair - np.log(np.exp(given).mean(axis=1)))
    assert concentric(dims, classes).nats == pytest.approx(mean, abs=error)


def test_a_checkerboard_tells_one_bit_and_fills_only_its_dark_squares() -> None:
    known = checkerboard(4)
    x, y = known.sample(2_000, seed=0)
    assert ((np.floor(x) + np.floor(y)) % 2 == 0).all()
    assert len(np.unique(np.floor(np.hstack([x, y])), axis=0)) == 8
    assert known.nats == math.log(2)


def test_copies_side_by_side_add_their_information_and_differ() -> None:
    known = copies(sparse(2, 1, 2.0), 3)
    x, y = known.sample(50, seed=0)
    assert known.nats == pytest.approx(3 * sparse(2, 1, 2.0).nats)
    assert x.shape == y.shape == (50, 6)
    assert not np.allclose(x[:, :2], x[:, 2:4])


def test_a_correlated_student_adds_its_scale_to_the_gaussian_part() -> None:
    gaussian_part = student(3, 3, 1e8, 0.6).nats
    assert student(3, 3, 4, 0.6).nats == pytest.approx(gaussian_part + student(3, 3, 4).nats, abs=1e-6)
    assert gaussian_part > 0.3


def test_a_drawn_covariance_is_the_same_for_the_same_seed() -> None:
    assert wishart(4, 3, 1).nats == wishart(4, 3, 1).nats != wishart(4, 3, 2).nats


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
