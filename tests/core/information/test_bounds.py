"""Bounds against slow transcriptions, closed forms and laws."""

import math
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from core.errors import InputError
from core.information import bounds
from tests import oracles

# sums of a few dozen float64 terms of size <= exp(8): 1e-10 is far above rounding and far below any error
EXACT = {"rel": 1e-10, "abs": 1e-10}
SIZES = st.integers(2, 9)
SEEDS = st.integers(0, 2**31)


def random_scores(n: int, seed: int, m: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n, m or n, generator=generator, dtype=torch.float64)


def baseline_of(scores: Tensor) -> Tensor:
    return 0.3 * scores[:, 0]


AGAINST_ORACLES: dict[str, tuple[Callable[[Tensor], bounds.Bound], Callable[[Tensor], float]]] = {
    "infonce": (bounds.infonce, lambda s: oracles.infonce(s.tolist())),
    "infonce without positive": (
        lambda s: bounds.infonce(s, include_positive=False),
        lambda s: oracles.infonce(s.tolist(), include_positive=False),
    ),
    "mlcpc": (lambda s: bounds.mlcpc(s, 1.0), lambda s: oracles.mlcpc(s.tolist(), 1.0)),
    "mlcpc, smallest alpha": (
        bounds.mlcpc,
        lambda s: oracles.mlcpc(s.tolist(), len(s) / (len(s) * (len(s) - 1) + 1)),
    ),
    "donsker_varadhan": (bounds.donsker_varadhan, lambda s: oracles.donsker_varadhan(s.tolist())),
    "mine": (bounds.mine, lambda s: oracles.donsker_varadhan(s.tolist())),
    "nwj": (bounds.nwj, lambda s: oracles.nwj(s.tolist())),
    "tuba": (
        lambda s: bounds.tuba(s, baseline_of(s)),
        lambda s: oracles.tuba(s.tolist(), baseline_of(s).exp().tolist()),
    ),
    "interpolated": (
        lambda s: bounds.interpolated(s, baseline_of(s), 0.3),
        lambda s: oracles.interpolated(s.tolist(), baseline_of(s).exp().tolist(), 0.3),
    ),
    "jensen_shannon": (bounds.jensen_shannon, lambda s: oracles.nwj(s.tolist())),
    "smile": (lambda s: bounds.smile(s, 1.5), lambda s: oracles.smile(s.tolist(), 1.5)),
    "flo": (
        lambda s: bounds.flo(s, baseline_of(s)),
        lambda s: oracles.flo(s.tolist(), baseline_of(s).tolist()),
    ),
    "club": (bounds.club, lambda s: oracles.club(s.tolist())),
    "leave_one_out": (bounds.leave_one_out, lambda s: oracles.leave_one_out(s.tolist())),
}
SHIFT_FREE = {
    "infonce": bounds.infonce,
    "infonce without positive": lambda s: bounds.infonce(s, include_positive=False),
    "mlcpc, alpha one": lambda s: bounds.mlcpc(s, 1.0),
    "mlcpc": bounds.mlcpc,
    "donsker_varadhan": bounds.donsker_varadhan,
    "mine": bounds.mine,
    "club": bounds.club,
    "leave_one_out": bounds.leave_one_out,
    "flo": lambda s: bounds.flo(s, torch.zeros_like(s[:, 0])),
}
OF_MATRIX = SHIFT_FREE | {
    "nwj": bounds.nwj,
    "jensen_shannon": bounds.jensen_shannon,
    "smile": bounds.smile,
    "tuba": lambda s: bounds.tuba(s, torch.zeros_like(s[:, 0])),
    "interpolated": lambda s: bounds.interpolated(s, torch.zeros_like(s[:, 0]), 0.5),
}
ZEROS = torch.zeros(7, dtype=torch.float64)
IN_BLOCKS = OF_MATRIX | {
    "flo": lambda s: bounds.flo(s, ZEROS),
    "tuba": lambda s: bounds.tuba(s, ZEROS),
    "interpolated": lambda s: bounds.interpolated(s, ZEROS, 0.5),
}


@pytest.mark.parametrize("name", AGAINST_ORACLES)
@given(n=SIZES, seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_a_bound_agrees_with_its_slow_transcription(name: str, n: int, seed: int) -> None:
    fast, slow = AGAINST_ORACLES[name]
    scores = random_scores(n, seed)
    assert float(fast(scores)) == pytest.approx(slow(scores), **EXACT)


def test_barber_agakov_agrees_with_its_slow_transcription() -> None:
    likelihood = -random_scores(7, 1)[:, 0].abs()
    assert float(bounds.barber_agakov(likelihood, 2.0)) == pytest.approx(
        oracles.barber_agakov(likelihood.tolist(), 2.0), **EXACT
    )


@given(n=SIZES, extra=st.integers(0, 5), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_infonce_of_a_rectangle_with_excluded_candidates_agrees(n: int, extra: int, seed: int) -> None:
    scores = random_scores(n, seed, n + extra)
    generator = torch.Generator().manual_seed(seed + 1)
    positive = torch.randint(0, n + extra, (n,), generator=generator)
    excluded = torch.rand(n, n + extra, generator=generator) < 0.4
    fast = bounds.infonce(scores, positive, excluded)
    slow = oracles.infonce_general(scores.tolist(), positive.tolist(), excluded.tolist())
    assert float(fast) == pytest.approx(slow, **EXACT)


@pytest.mark.parametrize("name", AGAINST_ORACLES)
def test_the_value_is_the_mean_of_the_terms(name: str) -> None:
    result = AGAINST_ORACLES[name][0](random_scores(6, 3))
    assert float(result.terms.mean()) == pytest.approx(float(result), **EXACT)


@pytest.mark.parametrize("name", OF_MATRIX)
def test_scores_that_are_all_zero_give_zero(name: str) -> None:
    assert float(OF_MATRIX[name](torch.zeros(5, 5, dtype=torch.float64))) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", SHIFT_FREE)
@given(n=SIZES, seed=SEEDS, shift=st.floats(-300, 300))
@settings(max_examples=20, deadline=None)
def test_adding_a_constant_to_every_score_changes_nothing(name: str, n: int, seed: int, shift: float) -> None:
    scores = random_scores(n, seed)
    # a shift of 300 costs 300 * 2.2e-16 in each score
    assert float(SHIFT_FREE[name](scores + shift)) == pytest.approx(float(SHIFT_FREE[name](scores)), abs=1e-9)


@given(n=SIZES, seed=SEEDS, shift=st.floats(-300, 300), alpha=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_learned_baseline_takes_up_any_shift_of_its_scores(
    n: int, seed: int, shift: float, alpha: float
) -> None:
    scores = random_scores(n, seed)
    baseline = baseline_of(scores)
    for bound in (bounds.tuba, lambda s, b: bounds.interpolated(s, b, alpha)):
        assert float(bound(scores + shift, baseline + shift)) == pytest.approx(
            float(bound(scores, baseline)), abs=1e-9
        )


@pytest.mark.parametrize("name", OF_MATRIX)
@given(n=SIZES, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_pairs_does_not_matter(name: str, n: int, seed: int) -> None:
    scores = random_scores(n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert float(OF_MATRIX[name](scores[order][:, order])) == pytest.approx(
        float(OF_MATRIX[name](scores)), **EXACT
    )


@pytest.mark.parametrize(
    ("name", "ceiling"),
    [
        ("infonce", math.log(6)),
        ("mlcpc", math.log(31)),
        ("mlcpc, alpha one", math.log(6)),
        ("interpolated", math.log(10)),
    ],
)
def test_a_perfect_critic_reaches_the_ceiling(name: str, ceiling: float) -> None:
    result = OF_MATRIX[name](300 * torch.eye(6, dtype=torch.float64))
    assert result.ceiling == pytest.approx(ceiling)
    assert float(result) == pytest.approx(ceiling, abs=1e-10)


def test_a_perfect_decoder_reaches_the_entropy() -> None:
    result = bounds.barber_agakov(torch.zeros(5, dtype=torch.float64), math.log(8))
    assert float(result) == result.ceiling == math.log(8)


@pytest.mark.parametrize(
    "name", sorted(set(OF_MATRIX) - {"infonce", "mlcpc", "mlcpc, alpha one", "interpolated"})
)
def test_a_bound_without_a_ceiling_says_so_and_shows_more_than_log_n(name: str) -> None:
    result = OF_MATRIX[name](30 * torch.eye(6, dtype=torch.float64))
    assert result.ceiling is None
    # the diagonal of 30 less what the off-diagonal zeros leave
    assert float(result) == pytest.approx(30 if name != "flo" else 1, abs=1e-9)


@pytest.mark.parametrize("name", ["infonce", "mlcpc", "mlcpc, alpha one"])
@given(n=SIZES, seed=SEEDS, scale=st.floats(0.1, 300))
@settings(max_examples=30, deadline=None)
def test_no_critic_passes_the_ceiling(name: str, n: int, seed: int, scale: float) -> None:
    result = OF_MATRIX[name](scale * random_scores(n, seed))
    assert result.ceiling is not None
    assert float(result) <= result.ceiling + 1e-9


def test_the_number_of_candidates_counts_the_positive() -> None:
    assert bounds.infonce(torch.zeros(3, 8)).ceiling == pytest.approx(math.log(7 + 1))


def test_an_excluded_candidate_lowers_the_ceiling_and_a_positive_is_never_excluded() -> None:
    everything = torch.ones(3, 3, dtype=torch.bool)
    result = bounds.infonce(torch.randn(3, 3), excluded=everything)
    assert result.ceiling == 0
    assert float(result) == pytest.approx(0, abs=1e-6)


def test_interpolation_ends_at_infonce_and_at_tuba() -> None:
    scores = random_scores(6, 5)
    baseline = baseline_of(scores)
    without = [
        scores[[i]][:, [j for j in range(6) if j != gone]] for i in range(6) for gone in range(6) if gone != i
    ]
    places = [torch.tensor([i - (gone < i)]) for i in range(6) for gone in range(6) if gone != i]
    infonce = [float(bounds.infonce(*pair)) for pair in zip(without, places, strict=True)]
    assert float(bounds.interpolated(scores, baseline, 1.0)) == pytest.approx(sum(infonce) / len(infonce))
    assert float(bounds.interpolated(scores, baseline, 0.0)) == pytest.approx(
        float(bounds.tuba(scores, baseline))
    )


def test_nwj_is_tuba_with_baseline_one_and_never_above_donsker_varadhan() -> None:
    scores = random_scores(6, 6)
    assert float(bounds.tuba(scores, torch.zeros(6).double())) == pytest.approx(float(bounds.nwj(scores)))
    assert float(bounds.nwj(scores)) <= float(bounds.donsker_varadhan(scores))


def test_flo_with_the_best_second_head_is_infonce_without_the_positive() -> None:
    scores = random_scores(6, 7)
    best = bounds.infonce(scores, include_positive=False)
    assert float(bounds.flo(scores, -best.terms)) == pytest.approx(float(best), **EXACT)


def test_smile_without_clipping_is_donsker_varadhan() -> None:
    scores = random_scores(6, 8)
    assert float(bounds.smile(scores, 1e3)) == pytest.approx(float(bounds.donsker_varadhan(scores)), **EXACT)


def test_the_gradient_of_mine_divides_by_the_running_mean() -> None:
    scores = random_scores(5, 9).requires_grad_()
    off = ~torch.eye(5, dtype=torch.bool)
    running = torch.tensor(0.7, dtype=torch.float64)
    bounds.mine(scores, running, rate=0.25).objective.backward()
    mean = float(scores.detach()[off].exp().mean())
    blended = 0.75 * math.exp(0.7) + 0.25 * mean
    expected = torch.eye(5, dtype=torch.float64) / 5 - off * scores.detach().exp() / (20 * blended)
    torch.testing.assert_close(scores.grad, expected, rtol=1e-10, atol=1e-12)


def test_mine_hands_the_running_mean_to_the_next_call() -> None:
    earlier = bounds.mine(random_scores(5, 10))
    later = bounds.mine(random_scores(5, 11), earlier.log_running_mean, rate=0.1)
    means = [oracles.mean_exp_negative(random_scores(5, seed).tolist()) for seed in (10, 11)]
    assert float(later.log_running_mean.exp()) == pytest.approx(0.9 * means[0] + 0.1 * means[1])


def test_without_history_mines_gradient_is_the_donsker_varadhan_gradient() -> None:
    scores, same_scores = random_scores(5, 12).requires_grad_(), random_scores(5, 12).requires_grad_()
    bounds.mine(scores).objective.backward()
    bounds.donsker_varadhan(same_scores).value.backward()
    torch.testing.assert_close(scores.grad, same_scores.grad)


def test_the_jensen_shannon_objective_agrees_with_its_slow_transcription() -> None:
    scores = random_scores(6, 13)
    objective = float(bounds.jensen_shannon(scores).objective)
    assert objective == pytest.approx(oracles.jensen_shannon_objective(scores.tolist()), **EXACT)


@pytest.mark.parametrize("name", OF_MATRIX)
def test_the_gradient_agrees_with_finite_differences(name: str) -> None:
    scores = random_scores(4, 14).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: OF_MATRIX[name](s).value, (scores,))


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_a_matrix_in_blocks_gives_the_same_value_and_gradient(name: str) -> None:
    whole, parts = (random_scores(7, 15).requires_grad_() for _ in range(2))
    IN_BLOCKS[name](whole).objective.backward()
    blocks = bounds.Blocks(lambda start, stop: parts[start:stop], num_rows=7, block=3)
    result = IN_BLOCKS[name](blocks)
    result.objective.backward()
    assert float(result) == pytest.approx(float(IN_BLOCKS[name](whole)), **EXACT)
    torch.testing.assert_close(parts.grad, whole.grad)


def test_scores_of_a_thousand_overflow_nothing_in_infonce() -> None:
    result = bounds.infonce(1e3 * torch.eye(4).double() - 500)
    assert float(result) == pytest.approx(math.log(4), rel=1e-6)


def test_half_precision_scores_are_summed_in_single_precision() -> None:
    assert bounds.infonce(torch.zeros(4, 4, dtype=torch.bfloat16)).value.dtype == torch.float32


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.full((3, 3), torch.nan), "NaN or infinite"),
        (torch.zeros(1, 1), "at least 2 candidates"),
        (torch.zeros(4, 3), "pass positive="),
    ],
)
def test_unusable_scores_are_refused_with_the_remedy(scores: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bounds.infonce(scores)


def test_an_overflowing_exponential_is_refused() -> None:
    with pytest.raises(InputError, match="use infonce or smile"):
        bounds.nwj(torch.full((3, 3), 800.0, dtype=torch.float64))


def test_the_jackknife_standard_error_is_that_of_a_mean_where_terms_are_independent() -> None:
    positives = torch.linspace(0, 3, 64, dtype=torch.float64)
    scores = torch.diag(positives) - 500 * (1 - torch.eye(64, dtype=torch.float64))

    def positives_only(matrix: Tensor) -> bounds.Bound:
        return bounds.barber_agakov(matrix.diagonal(), 0.0)

    expected = float(positives.std() / 8)
    assert bounds.standard_error(scores, positives_only, num_blocks=64) == pytest.approx(expected)
