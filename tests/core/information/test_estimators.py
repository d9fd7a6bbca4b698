"""Estimators against closed forms and laws; the full accuracy table is `lab bench --information`."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.feature_selection import mutual_info_classif

from core.errors import InputError
from core.information import Estimate, estimate
from core.information.estimators.critics import BOUNDS
from core.information.estimators.discrete import plug_in_terms
from core.information.estimators.estimate import METHODS
from core.information.estimators.gaussian import canonical, covariance_information, gaussian_information
from core.information.estimators.ksg import ksg_terms
from core.information.estimators.student import fit_elliptical, shared_scale_information
from core.information.truth import task as known_task
from tests import oracles

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "information"


def gaussian_pairs(n: int, rho: float, dims: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose first coordinates correlate; I = -1/2 log(1 - rho^2)."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, dims))
    y[:, 0] = rho * x[:, 0] + math.sqrt(1 - rho**2) * y[:, 0]
    return x, y


def gaussian_nats(rho: float) -> float:
    return -0.5 * math.log1p(-(rho**2))


@pytest.mark.parametrize("method", ["auto", "gaussian", "gaussian-ranks", "student", "ksg"])
def test_a_correlated_pair_is_read_within_its_interval(method: str) -> None:
    result = estimate(*gaussian_pairs(2000, 0.7), method=method)
    assert result.low <= gaussian_nats(0.7) <= result.high
    assert result.kind == "estimate"


@pytest.mark.parametrize("method", ["auto", "gaussian", "student", "ksg"])
def test_independent_samples_read_zero(method: str) -> None:
    result = estimate(*gaussian_pairs(1000, 0.0, dims=2), method=method)
    assert result.low <= 0 <= result.high
    # the standard deviation of these estimators at n = 1,000 is below 0.02
    assert abs(result.nats) < 0.06


@pytest.mark.parametrize("dims", [5, 20])
def test_the_gaussian_estimate_has_no_small_sample_bias(dims: int) -> None:
    reads = [gaussian_information(*gaussian_pairs(100, 0.6, dims, seed)) for seed in range(200)]
    error = np.std(reads) / math.sqrt(len(reads))
    assert np.mean(reads) == pytest.approx(gaussian_nats(0.6), abs=3.5 * error)


def test_canonical_correlations_carry_all_of_a_gaussians_information() -> None:
    rng = np.random.default_rng(1)
    root = rng.standard_normal((7, 9))
    covariance = root @ root.T
    pairing = canonical(covariance, 3)
    assert pairing.information() == pytest.approx(covariance_information(covariance, 3), rel=1e-10)


def test_auto_ignores_monotone_maps_of_single_columns() -> None:
    x, y = gaussian_pairs(400, 0.8, 3)
    assert estimate(np.exp(x), y**3).nats == pytest.approx(estimate(x, y).nats, abs=1e-12)


def test_auto_is_almost_symmetric() -> None:
    x, y = gaussian_pairs(500, 0.8, 3)
    forward, backward = estimate(x, y), estimate(y, x)
    assert forward.nats == pytest.approx(backward.nats, abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_number_whatever_was_drawn_before(method: str) -> None:
    x, y = (numbers.round(1) for numbers in gaussian_pairs(300, 0.5))
    short = {"steps": 20} if method in BOUNDS else {}
    before = estimate(x, y, method, seed=3, **short)
    torch.rand(1)
    assert estimate(x, y, method, seed=3, **short).nats == before.nats


def test_torch_and_numpy_samples_read_the_same() -> None:
    x, y = gaussian_pairs(500, 0.5)
    assert estimate(torch.tensor(x), torch.tensor(y)).nats == estimate(x, y).nats


def test_heavy_tails_alone_carry_information() -> None:
    rng = np.random.default_rng(0)
    scale = np.sqrt(rng.chisquare(2, (3000, 1)) / 2)
    x, y = rng.standard_normal((2, 3000, 3)) / scale
    truth = shared_scale_information(2.0, 3, 3)
    assert fit_elliptical(x, y).degrees == pytest.approx(2, rel=0.15)
    assert estimate(x, y).nats == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("dims", [(1, 1), (2, 1), (3, 4), (6, 5)])
@pytest.mark.parametrize("neighbours", [1, 5])
def test_nearest_neighbours_agree_with_their_slow_transcription(
    dims: tuple[int, int], neighbours: int
) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((70, count)) for count in dims)
    x[:, 0] += y[:, 0]
    slow = oracles.ksg(x.tolist(), y.tolist(), neighbours)
    assert ksg_terms(x, y, neighbours).mean() == pytest.approx(slow, rel=1e-10)


def test_nearest_neighbours_of_a_label_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, (400, 1)).astype(float)
    y = 2 * label + rng.standard_normal((400, 1))
    peer = mutual_info_classif(y, label[:, 0], n_neighbors=5, random_state=0)[0]
    assert ksg_terms(10 * label, y, 5).mean() == pytest.approx(peer, abs=1e-6)


def test_counting_agrees_with_the_entropy_of_a_deterministic_label() -> None:
    labels = np.repeat(np.arange(4), 100)
    result = estimate(labels, 10 * labels)
    assert result.nats == pytest.approx(math.log(4), abs=0.01)
    assert result.ceiling == pytest.approx(math.log(4))


def test_plug_in_terms_agree_with_the_table_of_a_binary_channel() -> None:
    x = np.array([0] * 50 + [1] * 50)
    y = np.array([0] * 40 + [1] * 10 + [0] * 10 + [1] * 40)
    by_hand = math.log(2) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2)
    assert plug_in_terms(x, y).mean() == pytest.approx(by_hand, rel=1e-12)


def test_more_information_than_can_be_checked_is_called_a_bound() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 6))
    result = estimate(x, x + 0.1 * rng.standard_normal((400, 6)))
    assert result.kind == "lower bound"
    assert result.ceiling is not None
    assert result.nats <= result.ceiling
    assert result.words().startswith("at least")
    assert "reported is the held-out" in result.reason


def test_more_dimensions_than_samples_is_called_a_bound() -> None:
    rng = np.random.default_rng(0)
    meaning = rng.standard_normal((300, 4))
    x, y = (meaning @ rng.standard_normal((4, 200)) + 0.3 * rng.standard_normal((300, 200)) for _ in range(2))
    result = estimate(x, y)
    assert result.kind == "lower bound"
    assert any("fewer samples" in note for note in result.warnings)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((20, 2)), np.zeros((21, 2)), "pair row by row"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "at least 10 paired samples"),
        (np.full((20, 1), np.nan), np.zeros((20, 1)), "20 of 20 rows"),
        (np.arange(20.0), np.array([np.inf] + [0.0] * 19), "1 of 20 rows"),
        (np.zeros((20, 2, 2)), np.zeros(20), "n x d array"),
        (np.array(["a"] * 20), np.zeros(20), "array of numbers"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "got 0: sample more"),
        (np.zeros((20, 0)), np.zeros((20, 2)), "at least one column"),
        ([[1.0, 2.0], [3.0]] * 10, np.zeros(20), "rows differ in length"),
        (None, np.zeros(20), "array of numbers, got object"),
    ],
)
def test_samples_that_cannot_be_read_are_refused(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate(x, y)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"auto.*ksg"):
        estimate(np.arange(20), np.arange(20), method="mine-own")


def test_a_constant_side_carries_nothing_and_says_so() -> None:
    result = estimate(np.zeros(50), np.random.default_rng(0).standard_normal(50))
    assert (result.nats, result.high) == (0, 0)
    assert "constant" in result.warnings[0]


def test_duplicates_and_serial_dependence_are_warned_of() -> None:
    x, y = gaussian_pairs(200, 0.5)
    doubled = estimate(np.vstack([x, x]), np.vstack([y, y]), method="gaussian")
    assert any("duplicates" in note for note in doubled.warnings)
    walk = np.cumsum(np.random.default_rng(0).standard_normal((500, 2)), axis=0)
    assert any("rows before" in note for note in estimate(walk[:, 0], walk[:, 1], method="gaussian").warnings)


def test_fewer_samples_than_dimensions_are_refused_by_the_plain_gaussian() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="method='auto'"):
        estimate(*rng.standard_normal((2, 20, 15)), method="gaussian")


def test_an_estimate_states_bound_interval_and_ceiling_in_words() -> None:
    bound = Estimate(4.1, 3.9, 4.3, "upper bound", None, "club", 10, 0.0)
    assert str(bound) == "at most 4.30 nats (97.5 % confidence); bound 4.10 [3.90, 4.30]"


@pytest.mark.parametrize(("nats", "low"), [(0.3, 0.1), (0.3, 0.0), (0.3, -0.1), (-0.2, -0.4)])
def test_at_least_is_said_of_what_the_information_exceeds_with_confidence_and_of_nothing_else(
    nats, low
) -> None:
    words = Estimate(nats, low, 0.5, "lower bound", 2.0, "nwj", 10, 0.0).words()
    assert words.startswith(
        "at least 0.10 nats (97.5 % confidence); bound 0.30" if low > 0 else "shows nothing with"
    )
    assert words.endswith("it could not show more than 2.00")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared samples of known information are not here")
@pytest.mark.parametrize(
    ("task", "tolerance"),
    [
        ("1v1-normal-0.75", 0.05),
        ("swissroll_x-normal_cdf-1v1-normal-0.75", 0.05),
        ("half_cube-multinormal-sparse-25-25-2-2.0", 0.06),
        ("student-identity-5-5-2", 0.05),
    ],
)
def test_auto_reads_shared_samples_of_known_information(task: str, tolerance: float) -> None:
    samples = np.load(FOLDER / f"{task}.npz")
    result = estimate(samples["x0"], samples["y0"])
    assert result.nats == pytest.approx(float(samples["truth_nats"]), abs=tolerance)


@pytest.mark.parametrize("method", ["auto", "ksg"])
@pytest.mark.parametrize("name", ["1v1-additive-0.1", "asinh-student-identity-1-1-1"])
def test_intervals_hold_the_truth_as_often_as_promised(method: str, name: str) -> None:
    known, trials = known_task(name), 20
    estimates = [estimate(*known.sample(800, seed), method=method, seed=seed) for seed in range(trials)]
    held = sum(result.low <= known.nats <= result.high for result in estimates)
    # an estimator that covers 90 % of trials falls below this in one of a hundred sets of 20
    assert held >= stats.binom.ppf(0.01, trials, 0.9)
    # and no interval is so wide that it says nothing
    assert max(result.high - result.low for result in estimates) < 0.45


@pytest.mark.parametrize("method", ["auto", "ksg", "student", "latent"])
def test_a_function_of_x_reads_as_much_as_the_samples_can_show(method: str) -> None:
    x = np.random.default_rng(0).standard_normal((150, 3))
    result = estimate(x, x.copy(), method=method)
    assert result.nats > 2
    assert result.kind == "lower bound" or result.high > math.log(150)


def test_a_function_of_x_is_refused_by_the_plain_gaussian() -> None:
    x = np.random.default_rng(0).standard_normal((150, 3))
    with pytest.raises(InputError, match="function of x"):
        estimate(x, x.copy(), method="gaussian")


def test_repeated_columns_add_nothing() -> None:
    x, y = gaussian_pairs(600, 0.8, 3)
    once, twice = (estimate(values, y, method="gaussian") for values in (x, np.hstack([x, x])))
    assert twice.nats == once.nats
    assert twice.warnings == ("x has 3 repeated columns, which carry no information: dropped",)


def test_a_column_of_few_values_is_warned_of_and_read_near_its_truth() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (1500, 1))
    reading = estimate(label, 4 * label + rng.standard_normal((1500, 1)))
    # two classes four deviations apart tell 0.633 of the 0.693 nats of a bit, by quadrature
    assert reading.nats == pytest.approx(0.633, abs=0.04)
    assert any("continuous" in note for note in reading.warnings)


def test_clipped_columns_do_not_pass_for_heavy_tails() -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random((400, 3)) < 0.8, 0.0, rng.standard_normal((400, 3)))
    reading = estimate(x, rng.standard_normal((400, 3)))
    assert abs(reading.nats) < 0.1


def test_numbers_at_the_ends_of_the_range_are_scaled_and_not_overflowed() -> None:
    x, y = gaussian_pairs(300, 0.8)
    plain = estimate(x, y, method="gaussian").nats
    assert estimate(x * 1e300, y * 1e-300, method="gaussian").nats == pytest.approx(plain, rel=1e-9)


def test_ten_samples_only_bound_and_nine_are_refused() -> None:
    x, y = gaussian_pairs(10, 0.8, 3)
    assert estimate(x, y).kind == "lower bound"
    with pytest.raises(InputError, match="at least 10"):
        estimate(x[:9], y[:9])


def test_what_critics_must_find_alone_is_called_a_bound() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 1500, 5))
    sign = rng.choice([-1.0, 1.0], (1500, 5))
    result = estimate(x, 0.95 * sign * x + math.sqrt(1 - 0.95**2) * noise)
    assert result.kind == "lower bound"
    assert "critics" in result.reason
    # five pairs whose sign is hidden: each carries the 1.16 nats of its correlation less log 2, and a little more
    assert 0.3 < result.nats < 3.6
