"""Trained estimators: what they report comes from pairs they have not seen."""

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.information import estimate
from core.information.consistency import self_consistency
from core.information.estimators.critics import BOUNDS
from core.information.estimators.crossfit import Schedule, crossfit
from core.information.estimators.elliptical import EllipticalCritic, critic_inputs
from core.information.estimators.flow import Flow
from core.information.estimators.gaussian import covariance_information, normal_scores
from core.information.estimators.probing import usable_information
from core.information.estimators.samples import SamplePairs, read_pairs
from core.information.estimators.student import fit_elliptical, fit_scatter
from core.information.truth import task

PAIR = task("1v1-normal-0.75")


@pytest.mark.parametrize("bound", BOUNDS)
def test_every_bound_trains_and_stays_near_the_truth(bound: str) -> None:
    result = estimate(*PAIR.sample(750, seed=0), method=bound, steps=120)
    # 250 held-out pairs of 0.41 nats have a standard error near 0.055; a short training adds as much bias
    assert result.nats == pytest.approx(PAIR.nats, abs=0.25)


@pytest.mark.parametrize("critic", ["concatenated", "hybrid"])
def test_every_critic_shape_trains(critic: str) -> None:
    result = estimate(*PAIR.sample(450, seed=0), method="infonce", critic=critic, steps=60)
    assert result.nats == pytest.approx(PAIR.nats, abs=0.25)
    assert result.kind == "lower bound"


@pytest.mark.parametrize("method", ["infonce", "auto"])
def test_shuffled_pairs_teach_nothing(method: str) -> None:
    x, y = task("multinormal-sparse-5-5-2-2.0").sample(900, seed=0)
    result = estimate(x, np.random.default_rng(0).permutation(y), method=method)
    # a critic that reported its own training pairs would read several tenths here
    assert result.nats < 0.05


def test_a_flow_reads_a_correlated_pair() -> None:
    assert estimate(*PAIR.sample(2000, seed=0), method="flow").nats == pytest.approx(PAIR.nats, abs=0.12)


def test_information_below_zero_is_warned_of() -> None:
    result = estimate(*task("embedding-256-6").sample(400, seed=0), method="flow")
    assert result.high < 0
    assert any("below zero" in warning for warning in result.warnings)


def test_a_flow_is_a_density() -> None:
    flow = Flow(1, 0)
    with torch.no_grad():
        for value in flow.parameters():
            value.add_(0.01)
        grid = torch.linspace(-30, 30, 6001)[:, None]
        total = flow(grid, grid[:, :0]).exp().sum() * 0.01
    assert float(total) == pytest.approx(1, abs=1e-3)


def test_the_latent_estimate_bounds_wide_vectors_from_below() -> None:
    known = task("embedding-64-1")
    result = estimate(*known.sample(1200, seed=0), method="latent")
    assert result.kind == "lower bound"
    assert 0 < result.nats < known.nats + 0.1


@pytest.mark.parametrize("degrees", [np.inf, 3.0])
def test_the_untrained_elliptical_critic_is_the_exact_log_ratio(degrees: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    pairs = SamplePairs(x, x + 0.5 * rng.standard_normal((400, 2)))
    left, right = critic_inputs(pairs, degrees)
    joint = np.hstack([left.base.double().numpy(), right.base.double().numpy()])
    critic = EllipticalCritic(joint[:, :2], joint[:, 2:], degrees)
    scatter = fit_scatter(joint, degrees)
    fitted = fit_elliptical(pairs.x, pairs.y)
    exact = type(fitted)(degrees, scatter, 2, 400).log_ratio(joint)
    with torch.no_grad():
        assert torch.allclose(critic(left, right).diagonal().double(), torch.tensor(exact), atol=1e-3)


def test_an_untrained_crossfit_reads_start_and_bent_alike() -> None:
    x, y = critic_inputs(read_pairs(*PAIR.sample(300, seed=0)), np.inf)
    held = crossfit(x, y, np.inf, seed=0, schedule=Schedule(steps=0))
    assert np.array_equal(held.untrained, held.trained)


def test_training_leaves_the_callers_random_numbers_and_threads_alone() -> None:
    torch.manual_seed(5)
    threads, expected = torch.get_num_threads(), torch.rand(3)
    torch.manual_seed(5)
    estimate(*task("multinormal-dense-5-5-0.5").sample(300, seed=0))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_too_few_samples_for_a_critic_are_refused() -> None:
    with pytest.raises(InputError, match="60 samples"):
        estimate(*PAIR.sample(40, seed=0), method="infonce")


def test_the_gaussian_and_auto_estimates_are_consistent_with_themselves() -> None:
    x, y = task("multinormal-dense-5-5-0.5").sample(600, seed=0)
    answers = self_consistency(lambda a, b: estimate(a, b).nats, x, y)
    # tolerances are about three standard errors at n = 600 (0.04 nats), more where halves are compared
    assert abs(answers.independent) < 0.15
    assert abs(answers.swapped) < 0.08
    assert abs(answers.mapped) < 0.15
    assert answers.processed < 0.08
    assert answers.additive == pytest.approx(1, abs=0.3)


def test_usable_information_is_the_mean_gain_in_log_likelihood() -> None:
    assert usable_information(np.full(12, -0.5), np.full(12, -1.5)).nats == pytest.approx(1.0)
    with pytest.raises(InputError, match="finite log-likelihoods"):
        usable_information(np.full(12, np.nan), np.full(12, 0.0))


def test_normal_scores_of_a_gaussian_keep_its_information() -> None:
    x, y = task("multinormal-dense-5-5-0.5").sample(20_000, seed=0)
    covariance = np.cov(np.hstack([normal_scores(x), normal_scores(y)]), rowvar=False)
    assert covariance_information(covariance, 5) == pytest.approx(0.593, abs=0.04)
